import { access, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config } from '../../contracts/config.ts';
import { CertificateAuthority } from '../../runtime/certificates/authority.ts';
import { writePrivateFile } from '../../runtime/files.ts';
import { packagingPlaces } from '../packaging/settings.ts';

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * Makes the key that signs evidence, certified by the platform's CA, unless it is there. One that is half there is
 * left as it is: the packaging worker says what is missing.
 *
 * @returns whether it was made
 */
export async function ensureEvidenceKey(config: Config): Promise<boolean> {
  const { evidenceCertificate, evidenceKey } = packagingPlaces(config);
  if ((await isThere(evidenceCertificate)) || (await isThere(evidenceKey))) return false;
  const authority = await CertificateAuthority.open(config.EUCORA_DATA_DIR);
  const { certificate, key } = await authority.issueEvidenceCertificate();
  for (const path of [evidenceKey, evidenceCertificate])
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writePrivateFile(evidenceKey, key);
  await writePrivateFile(evidenceCertificate, certificate, 0o644);
  return true;
}
