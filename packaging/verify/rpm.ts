import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import { keysInFile, type OpenPgpKey } from '../keys/openpgp.ts';
import { exportPublic } from '../keys/public-keys.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';
import { runTool } from '../tools/run-tool.ts';
import { emptyFolder } from './folder.ts';

const FAILURE = { failure: 'verification-failed' } as const;
const SIGNED_BY = /Header .*Signature, key ID ([0-9a-f]{8,64}): OK/i;

/** @throws PackagingError `verification-failed` */
export async function verifyRpm(
  ctx: ToolContext,
  file: string,
  keys: SigningKeys,
): Promise<OpenPgpKey & { readonly armored: string }> {
  const folder = await emptyFolder(ctx);
  const database = ['--dbpath', join(folder, 'rpm')];
  const trusted: (OpenPgpKey & { readonly file: string })[] = [];
  for (const armored of await exportPublic(ctx, keys, folder)) {
    for (const found of await keysInFile(ctx, armored)) trusted.push({ ...found, file: armored });
    await runTool(ctx, 'rpmkeys', [...database, '--import', armored], { ...FAILURE, quiet: true });
  }
  // Else an unsigned package passes: by default digests alone are enough.
  const { stdout } = await runTool(
    ctx,
    'rpmkeys',
    [
      ...database,
      '--define',
      '_pkgverify_level all',
      '--define',
      '_pkgverify_flags 0',
      '--checksig',
      '-v',
      file,
    ],
    FAILURE,
  );
  const id = SIGNED_BY.exec(stdout)?.[1]?.toLowerCase();
  const key = trusted.find(({ fingerprint, subkeys }) =>
    [fingerprint, ...subkeys].some((own) => id !== undefined && own.endsWith(id)),
  );
  if (key === undefined)
    throw new PackagingError('verification-failed', 'The rpm has no signature of a trusted key', {
      reason: 'unsigned',
    });
  if (key.to !== undefined && key.to <= new Date())
    throw new PackagingError('verification-failed', 'The rpm’s signature is of a key that has ended', {
      reason: 'key',
    });
  return { ...key, armored: await readFile(key.file, 'utf8') };
}
