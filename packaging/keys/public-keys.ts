import { join } from 'node:path';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import { runTool } from '../tools/run-tool.ts';
import {
  keyFile,
  keysInFile,
  type OpenPgpEntry,
  type OpenPgpKey,
  signingGpg,
  withGpgHome,
} from './openpgp.ts';
import type { SigningKeys } from './signing-keys.ts';

const OPTIONS = { failure: 'key-unusable', quiet: true } as const;

function trustedFiles(keys: SigningKeys): string[] {
  const own = keys.keys.filter((entry): entry is OpenPgpEntry => entry.kind === 'openpgp');
  const files = [...own.map(keyFile), ...keys.trustedOpenPgpKeys];
  if (files.length === 0) throw new PackagingError('key-unusable', 'No OpenPGP key is trusted');
  return files;
}

/** Writes the public part of each trusted key into a file of its own, armored; their paths. @throws PackagingError */
export async function exportPublic(ctx: ToolContext, keys: SigningKeys, folder: string): Promise<string[]> {
  const outputs: string[] = [];
  for (const [index, file] of trustedFiles(keys).entries()) {
    const output = join(folder, `trusted-${index}.asc`);
    await withGpgHome(ctx, async (home) => {
      const passphrase = ['--pinentry-mode', 'loopback', '--passphrase-file', '/dev/null'];
      await runTool(ctx, 'gpg', [...signingGpg(home), ...passphrase, '--import', file], OPTIONS);
      await runTool(ctx, 'gpg', [...signingGpg(home), '--armor', '--output', output, '--export'], OPTIONS);
    });
    outputs.push(output);
  }
  return outputs;
}

/** Writes all trusted public keys into one keyring. @throws PackagingError */
export async function trustedKeyring(
  ctx: ToolContext,
  keys: SigningKeys,
  folder: string,
  output: string,
): Promise<readonly OpenPgpKey[]> {
  const files = await exportPublic(ctx, keys, folder);
  await withGpgHome(ctx, async (home) => {
    await runTool(ctx, 'gpg', [...signingGpg(home), '--import', ...files], OPTIONS);
    await runTool(ctx, 'gpg', [...signingGpg(home), '--output', output, '--export'], OPTIONS);
  });
  return keysInFile(ctx, output);
}

/** One key of a keyring, armored, for those who are to trust it. @throws PackagingError */
export function armoredKey(ctx: ToolContext, keyring: string, fingerprint: string): Promise<string> {
  return withGpgHome(ctx, async (home) => {
    await runTool(ctx, 'gpg', [...signingGpg(home), '--import', keyring], OPTIONS);
    const { stdout } = await runTool(
      ctx,
      'gpg',
      [...signingGpg(home), '--armor', '--export', fingerprint],
      OPTIONS,
    );
    return stdout;
  });
}

/** Writes one key of a keyring into a file of its own. @throws PackagingError */
export async function exportKey(
  ctx: ToolContext,
  keyring: string,
  fingerprint: string,
  output: string,
): Promise<void> {
  await withGpgHome(ctx, async (home) => {
    await runTool(ctx, 'gpg', [...signingGpg(home), '--import', keyring], OPTIONS);
    await runTool(ctx, 'gpg', [...signingGpg(home), '--output', output, '--export', fingerprint], OPTIONS);
  });
}
