import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ToolContext } from '../context.ts';
import { openPgpKey } from '../keys/openpgp.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';
import { expiryWarnings } from '../keys/validity.ts';
import { x509Signer } from '../keys/x509-signer.ts';
import type { PackageFile, SignedPackage } from '../results.ts';
import { signDeb } from './deb.ts';
import { signMsi } from './msi.ts';
import { signPkg } from './pkg.ts';
import { signRpm } from './rpm.ts';

/** SHA-256 of a certificate's DER form. */
export const thumbprintOf = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex');

/** Signs with the newest valid key of a reference, into `<workspace>/signed/<name>`. @throws PackagingError */
export async function signPackage(
  ctx: ToolContext,
  built: PackageFile,
  keys: SigningKeys,
  reference: string,
): Promise<SignedPackage> {
  const folder = join(ctx.workspace, 'signed');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  const { format } = built;
  const file = join(folder, basename(built.file));
  if (format === 'deb' || format === 'rpm') {
    const key = await openPgpKey(ctx, keys, reference);
    await (format === 'deb' ? signDeb : signRpm)(ctx, built.file, key, file);
    const warnings = expiryWarnings(`The OpenPGP key ${reference}`, key.to, keys.warnBeforeDays);
    for (const warning of warnings) ctx.log(`warning: ${warning}`);
    return {
      format,
      file,
      thumbprint: key.fingerprint,
      subject: key.user,
      expires_at: key.to?.toISOString() ?? null,
      timestamped: false,
      warnings,
    };
  }
  const signer = await x509Signer(ctx, keys, reference, format === 'msi' ? 'code-signing' : 'installer');
  const { certificate } = signer;
  let timestamped = false;
  if (format === 'msi') timestamped = await signMsi(ctx, built.file, signer, keys, file);
  else await signPkg(built.file, signer, file);
  const to = new Date(certificate.validTo);
  const warnings = expiryWarnings(`The certificate ${reference}`, to, keys.warnBeforeDays);
  for (const warning of warnings) ctx.log(`warning: ${warning}`);
  return {
    format,
    file,
    thumbprint: thumbprintOf(certificate.raw),
    subject: certificate.subject.replaceAll('\n', ', '),
    expires_at: to.toISOString(),
    timestamped,
    warnings,
  };
}
