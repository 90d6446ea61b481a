import { createHash, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import type { SignatureRule } from '../../contracts/agent-task/package-rules.ts';
import type { Tools } from '../system/tools.ts';
import { lastWords } from './installer.ts';

const VERIFY_LIMIT_MS = 300_000;

/** SHA-256 of the certificates that the task trusts, in lower-case hex. */
function trustedThumbprints({ trusted_keys }: SignatureRule): ReadonlySet<string> {
  return new Set(
    trusted_keys.map((pem) => {
      try {
        return thumbprintOf(new X509Certificate(pem).raw);
      } catch {
        throw new Error('a trusted key of the task is no certificate in PEM form');
      }
    }),
  );
}

const thumbprintOf = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex');

function trusted(thumbprint: string, rule: SignatureRule): string {
  if (trustedThumbprints(rule).has(thumbprint)) return thumbprint;
  throw new Error(`the package was signed by a certificate that is not trusted (SHA-256 ${thumbprint})`);
}

const AUTHENTICODE = `$s = Get-AuthenticodeSignature -LiteralPath $env:EUCORA_PACKAGE_FILE
$c = if ($s.SignerCertificate) { [Convert]::ToBase64String($s.SignerCertificate.RawData) } else { '' }
@{ status = [string]$s.Status; message = $s.StatusMessage; certificate = $c } | ConvertTo-Json -Compress`;
const authenticodeSchema = z.object({
  status: z.string(),
  message: z.string().nullish(),
  certificate: z.string(),
});

/**
 * Has Windows check the Authenticode signature of an msi, whose certificate must be one of the task's.
 *
 * @returns SHA-256 of the certificate
 * @throws Error saying what is wrong
 */
export async function verifyMsiSignature(path: string, rule: SignatureRule, tools: Tools): Promise<string> {
  const printed = await tools.powershell(AUTHENTICODE, { EUCORA_PACKAGE_FILE: path }, VERIFY_LIMIT_MS);
  if (printed === undefined)
    throw new Error('PowerShell did not check the signature; an .msi cannot be checked without it');
  const { status, message, certificate } = readAuthenticode(printed);
  if (status === 'NotSigned') throw new Error('the package is not signed');
  if (status === 'HashMismatch')
    throw new Error('the signature is wrong: the package was changed after it was signed');
  if (status !== 'Valid' || certificate === '')
    throw new Error(
      `Windows does not vouch for the signature (${status}): ${message ?? 'no reason was told'}`,
    );
  return trusted(thumbprintOf(Buffer.from(certificate, 'base64')), rule);
}

function readAuthenticode(printed: string): z.infer<typeof authenticodeSchema> {
  try {
    return authenticodeSchema.parse(JSON.parse(printed));
  } catch {
    throw new Error('the signature cannot be checked: what PowerShell says of it is not understood');
  }
}

/** How pkgutil calls signatures that it has found right, and whose certificate leads to one that macOS knows. */
const VOUCHED =
  /^(signed by a developer certificate issued by Apple|signed by a certificate trusted by|signed Apple Software)/;
/** Of the first certificate, which is the signer's; 32 bytes over some lines. */
const FINGERPRINT =
  /^\s*1\. [^\n]*\n(?:(?!\s*\d+\. )[^\n]*\n)*?\s*SHA256 Fingerprint:\s*((?:[0-9A-F]{2}\s+){32})/im;

/**
 * Has macOS check the signature of a pkg, whose certificate must be one of the task's.
 *
 * @returns SHA-256 of the certificate
 * @throws Error saying what is wrong
 */
export async function verifyPkgSignature(path: string, rule: SignatureRule, tools: Tools): Promise<string> {
  const args = ['--check-signature', path];
  const result = await tools.run('pkgutil', args, { timeLimitMs: VERIFY_LIMIT_MS });
  if (result === undefined)
    throw new Error(
      'pkgutil is not installed on this machine; signatures of .pkg packages cannot be checked without it',
    );
  const status = /^\s*Status: (.+)$/m.exec(result.stdout)?.[1]?.trim();
  if (status === 'no signature') throw new Error('the package is not signed');
  if (result.exitCode !== 0 || status === undefined || !VOUCHED.test(status))
    throw new Error(
      `macOS does not vouch for the signature: ${status ?? lastWords(result.stdout, result.stderr)}`,
    );
  const fingerprint = FINGERPRINT.exec(`${result.stdout}\n`)?.[1];
  if (fingerprint === undefined)
    throw new Error('the signature cannot be checked: this macOS tells no SHA-256 of the certificate');
  return trusted(fingerprint.replace(/\s/g, '').toLowerCase(), rule);
}
