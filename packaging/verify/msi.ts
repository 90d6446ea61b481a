import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ContentInfo, SignedData } from '@peculiar/asn1-cms';
import { AsnConvert } from '@peculiar/asn1-schema';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import { writeAuthorities } from '../keys/authorities.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';
import { bodyOf } from '../sign/der.ts';
import { runTool } from '../tools/run-tool.ts';
import { emptyFolder } from './folder.ts';
import { msiDigest } from './msi-digest.ts';

const FAILURE = { failure: 'verification-failed' } as const;

const damaged = (message: string): PackagingError =>
  new PackagingError('verification-failed', message, { reason: 'damaged' });

/** The content that the signature vouches for, which ends in the package's hash. */
function signedContent(signature: Buffer): Buffer {
  const info = AsnConvert.parse(signature, ContentInfo);
  const content = AsnConvert.parse(info.content, SignedData).encapContentInfo.eContent?.any;
  if (content === undefined) throw damaged('The msi’s signature signs nothing');
  return Buffer.from(content);
}

/**
 * Three looks: osslsigncode checks everything; openssl the signature and its chain; and the hash of the streams is
 * counted by a reader that has no part in signing. @throws PackagingError
 */
export async function verifyMsi(
  ctx: ToolContext,
  file: string,
  keys: SigningKeys,
): Promise<{ certificate: X509Certificate; timestamped: boolean }> {
  const folder = await emptyFolder(ctx);
  const authorities = join(folder, 'authorities.pem');
  await writeAuthorities(keys, authorities);
  const { digest, signed } = await msiDigest(file);
  if (!signed)
    throw new PackagingError('verification-failed', 'The msi is not signed', { reason: 'unsigned' });
  const timestamps = ctx.settings.timestampAuthorities;
  const { stdout } = await runTool(
    ctx,
    'osslsigncode',
    [
      ...['verify', '-CAfile', authorities],
      ...(timestamps === undefined ? [] : ['-TSA-CAfile', timestamps]),
      ...['-in', file],
    ],
    FAILURE,
  );
  const signature = join(folder, 'signature.p7');
  await runTool(ctx, 'osslsigncode', ['extract-signature', '-in', file, '-out', signature], FAILURE);
  const signer = join(folder, 'signer.pem');
  const content = join(folder, 'content');
  const whole = signedContent(await readFile(signature));
  await writeFile(content, bodyOf(whole));
  if (!whole.subarray(-digest.length).equals(digest))
    throw damaged('The msi does not fit the hash that was signed');
  await runTool(
    ctx,
    'openssl',
    [
      ...['smime', '-verify', '-binary', '-inform', 'DER', '-in', signature, '-content', content],
      ...['-CAfile', authorities, '-purpose', 'any'],
      // Of times, osslsigncode judges: it knows the timestamp.
      ...['-no_check_time', '-signer', signer, '-out', '/dev/null'],
    ],
    FAILURE,
  );
  return {
    certificate: new X509Certificate(await readFile(signer)),
    timestamped: /Timestamp Server Signature verification: ok/i.test(stdout),
  };
}
