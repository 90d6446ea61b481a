import type { X509Certificate } from 'node:crypto';
import type { ToolContext } from '../context.ts';
import type { OpenPgpKey } from '../keys/openpgp.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';
import type { PackageFile, Verification } from '../results.ts';
import { thumbprintOf } from '../sign/sign.ts';
import { verifyDeb } from './deb.ts';
import { verifyMsi } from './msi.ts';
import { verifyPkg } from './pkg.ts';
import { verifyRpm } from './rpm.ts';

const byOpenPgp = (
  key: OpenPgpKey & { readonly armored: string },
  verifiedBy: readonly string[],
): Verification => ({
  thumbprint: key.fingerprint,
  subject: key.user,
  expires_at: key.to?.toISOString() ?? null,
  timestamped: false,
  verified_by: verifiedBy,
  public_key: key.armored,
});

const byCertificate = (
  certificate: X509Certificate,
  timestamped: boolean,
  verifiedBy: readonly string[],
): Verification => ({
  thumbprint: thumbprintOf(certificate.raw),
  subject: certificate.subject.replaceAll('\n', ', '),
  expires_at: new Date(certificate.validTo).toISOString(),
  timestamped,
  verified_by: verifiedBy,
  public_key: certificate.toString(),
});

/** Has a package checked by programs that did not sign it, against the trusted keys. @throws PackagingError */
export async function verifyPackage(
  ctx: ToolContext,
  { format, file }: PackageFile,
  keys: SigningKeys,
): Promise<Verification> {
  switch (format) {
    case 'deb':
      return byOpenPgp(await verifyDeb(ctx, file, keys), ['debsig-verify', 'gpgv']);
    case 'rpm':
      return byOpenPgp(await verifyRpm(ctx, file, keys), ['rpmkeys']);
    case 'msi': {
      const { certificate, timestamped } = await verifyMsi(ctx, file, keys);
      return byCertificate(certificate, timestamped, ['osslsigncode', 'openssl']);
    }
    case 'pkg':
      return byCertificate(await verifyPkg(ctx, file, keys), false, ['openssl']);
  }
}
