import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import { XarArchive, type XarSignature } from '../flat-package/xar-reader.ts';
import { writeAuthorities } from '../keys/authorities.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';
import { runTool } from '../tools/run-tool.ts';
import { emptyFolder } from './folder.ts';

const FAILURE = { failure: 'verification-failed' } as const;

function ofStyle(archive: XarArchive, style: string): XarSignature {
  const found = archive.signatures.find((signature) => signature.style === style);
  if (found === undefined)
    throw new PackagingError('verification-failed', `The macOS package has no ${style} signature`, {
      reason: 'unsigned',
    });
  return found;
}

/**
 * Reads the package by code that shares nothing with the writer, and has openssl check both signatures over the
 * table of contents; each file's hash stands in that table. @throws PackagingError
 */
export async function verifyPkg(ctx: ToolContext, file: string, keys: SigningKeys): Promise<X509Certificate> {
  const folder = await emptyFolder(ctx);
  const put = async (name: string, content: Buffer | string): Promise<string> => {
    await writeFile(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  let archive: XarArchive;
  try {
    archive = await XarArchive.open(file);
    await archive.check();
  } catch (error) {
    if (!(error instanceof PackagingError)) throw error;
    throw new PackagingError('verification-failed', error.message, { reason: 'damaged', cause: error });
  }
  const rsa = ofStyle(archive, 'RSA');
  const cms = ofStyle(archive, 'CMS');
  const authorities = join(folder, 'authorities.pem');
  await writeAuthorities(keys, authorities);
  const content = await put('toc-hash', archive.tocHash);
  const signer = join(folder, 'signer.pem');
  await runTool(
    ctx,
    'openssl',
    [
      ...[
        'cms',
        '-verify',
        '-binary',
        '-inform',
        'DER',
        '-in',
        await put('cms', cms.bytes),
        '-content',
        content,
      ],
      ...['-CAfile', authorities, '-purpose', 'any', '-signer', signer, '-out', '/dev/null'],
    ],
    FAILURE,
  );
  const [leaf] = rsa.certificatesDer;
  const certificate = new X509Certificate(await readFile(signer));
  if (leaf === undefined || !certificate.raw.equals(leaf))
    throw new PackagingError(
      'verification-failed',
      'The two signatures of the macOS package are of different keys',
      {
        reason: 'key',
      },
    );
  const publicKey = await put(
    'key.pem',
    certificate.publicKey.export({ type: 'spki', format: 'pem' }) as string,
  );
  await runTool(
    ctx,
    'openssl',
    [
      ...['pkeyutl', '-verify', '-pubin', '-inkey', publicKey, '-pkeyopt', `digest:${archive.hashName}`],
      ...['-in', content, '-sigfile', await put('rsa', rsa.bytes)],
    ],
    FAILURE,
  );
  return certificate;
}
