import { PackagingError } from '../errors.ts';
import { XarArchive } from '../flat-package/xar-reader.ts';
import { writeXar, type XarMember } from '../flat-package/xar-writer.ts';
import type { X509Signer } from '../keys/x509-signer.ts';
import { signCms } from './cms.ts';

/** Signs a flat package, replacing signatures that it has. @throws PackagingError */
export async function signPkg(file: string, signer: X509Signer, output: string): Promise<void> {
  if (signer.keyType !== 'rsa')
    throw new PackagingError('key-unusable', 'macOS packages are signed by RSA keys alone', {
      reason: 'key-type',
    });
  const archive = await XarArchive.open(file);
  await archive.check();
  const members = archive.files.map(
    (found): XarMember => ({
      path: found.path,
      length: found.data.length,
      size: found.data.size,
      encoding: found.data.encoding['@style'],
      archived: checksum(found.data['archived-checksum']),
      extracted: checksum(found.data['extracted-checksum']),
      read: () => archive.archived(found),
    }),
  );
  const at = new Date();
  const signatureBytes = (signer.certificate.publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  // As long as the real one, whose size the table must know before it can be signed.
  const blank = { ...signer, sign: async () => Buffer.alloc(signatureBytes) };
  const { length: cmsBytes } = await signCms({ detached: Buffer.alloc(32) }, blank, at);
  await writeXar(output, members, {
    certificatesDer: signer.chainDer,
    signatureBytes,
    cmsBytes,
    sign: signer.sign,
    cms: (tableHash) => signCms({ detached: tableHash }, signer, at),
  });
}

const checksum = (found: { '@style': string; '#text': string }) => ({
  style: found['@style'],
  hex: found['#text'],
});
