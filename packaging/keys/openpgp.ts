import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SigningKeyEntry } from '../../contracts/packaging-pipeline/signing-keys.ts';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import { runTool } from '../tools/run-tool.ts';
import { readPassword, readSecret } from './secret-files.ts';
import { keysOf, type SigningKeys } from './signing-keys.ts';
import { newestValid, type Validity } from './validity.ts';

export type OpenPgpEntry = Extract<SigningKeyEntry, { kind: 'openpgp' }>;

export interface OpenPgpKey extends Validity {
  /** Lower-case hex. */
  readonly fingerprint: string;
  readonly user: string;
}

/** gpg-agent takes paths of sockets of 106 bytes: less `/gpg-XXXXXX` and the longest of them, `/S.gpg-agent.browser`. */
const MAX_HOME = 106 - 11 - 20;

/** Runs something with a GnuPG folder of its own, which is gone afterwards. */
export async function withGpgHome<T>(ctx: ToolContext, use: (home: string) => Promise<T>): Promise<T> {
  await mkdir(ctx.workspace, { recursive: true });
  const parent = Buffer.byteLength(ctx.workspace) <= MAX_HOME ? ctx.workspace : tmpdir();
  const home = await mkdtemp(join(parent, 'gpg-'));
  try {
    return await use(home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Without an agent, who holds secret keys. */
const readingGpg = (home: string): string[] => [...signingGpg(home), '--no-autostart'];
/** Arguments of gpg that uses a folder of its own and asks nobody. */
export const signingGpg = (home: string): string[] => [
  '--homedir',
  home,
  '--batch',
  '--no-tty',
  '--no-options',
];

function seconds(text: string | undefined): Date | undefined {
  return text === undefined || text === '' ? undefined : new Date(Number(text) * 1_000);
}

/** The primary keys in a listing "with colons". */
function parseKeys(listing: string): OpenPgpKey[] {
  const found: { from: Date; to: Date | undefined; fingerprint: string; user: string }[] = [];
  for (const fields of listing.split('\n').map((line) => line.split(':'))) {
    const last = found.at(-1);
    if (fields[0] === 'pub' || fields[0] === 'sec')
      found.push({
        from: seconds(fields[5]) ?? new Date(0),
        to: seconds(fields[6]),
        fingerprint: '',
        user: '',
      });
    else if (fields[0] === 'fpr' && last?.fingerprint === '')
      last.fingerprint = (fields[9] ?? '').toLowerCase();
    else if (fields[0] === 'uid' && last?.user === '') last.user = fields[9] ?? '';
  }
  return found;
}

/** The keys in a file, public or secret. @throws PackagingError */
export async function keysInFile(ctx: ToolContext, path: string): Promise<OpenPgpKey[]> {
  const { stdout } = await withGpgHome(ctx, (home) =>
    runTool(ctx, 'gpg', [...readingGpg(home), '--with-colons', '--show-keys', path], {
      failure: 'key-unusable',
      quiet: true,
    }),
  );
  const keys = parseKeys(stdout);
  if (keys.length === 0) throw new PackagingError('key-unusable', `${path} holds no OpenPGP key`);
  return keys;
}

export const keyFile = ({ secret }: OpenPgpEntry): string =>
  secret.type === 'file' ? secret.path : secret.public_key;

/** The newest valid key of a reference. @throws PackagingError `key-unusable` */
export async function openPgpKey(
  ctx: ToolContext,
  keys: SigningKeys,
  reference: string,
): Promise<OpenPgpKey & { readonly entry: OpenPgpEntry }> {
  const candidates = await Promise.all(
    keysOf(keys, reference, 'openpgp').map(async (entry) => {
      if (entry.secret.type === 'file') await readSecret(entry.secret.path);
      const [key] = await keysInFile(ctx, keyFile(entry));
      if (key === undefined)
        throw new PackagingError('key-unusable', `${keyFile(entry)} holds no OpenPGP key`);
      return { ...key, entry };
    }),
  );
  return newestValid(candidates, reference, 'openpgp');
}

/** Brings a secret key into a GnuPG folder; the arguments with which signing gets its passphrase. */
export async function importSecret(
  ctx: ToolContext,
  home: string,
  secret: Extract<OpenPgpEntry['secret'], { type: 'file' }>,
): Promise<string[]> {
  await readPassword(secret.passphrase_file);
  const passphrase = secret.passphrase_file ?? '/dev/null';
  const extra = ['--pinentry-mode', 'loopback', '--passphrase-file', passphrase];
  await runTool(ctx, 'gpg', [...signingGpg(home), ...extra, '--import', secret.path], {
    failure: 'key-unusable',
    quiet: true,
  });
  return extra;
}
