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
  /** Likewise, of keys that it has sign in its stead. */
  readonly subkeys: readonly string[];
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

const seconds = (text: string): Date => new Date(Number(text) * 1_000);

/** The primary keys in a listing "with colons". */
function parseKeys(listing: string): OpenPgpKey[] {
  const found: (Omit<OpenPgpKey, 'subkeys'> & { fingerprint: string; user: string; subkeys: string[] })[] =
    [];
  for (const line of listing.split('\n')) {
    const [kind, , , , , begin = '', end = '', , , told = ''] = line.split(':');
    const last = found.at(-1);
    if (kind === 'pub' || kind === 'sec')
      found.push({
        from: seconds(begin),
        to: end === '' ? undefined : seconds(end),
        fingerprint: '',
        subkeys: [],
        user: '',
      });
    else if (kind === 'fpr' && last?.fingerprint === '') last.fingerprint = told.toLowerCase();
    else if (kind === 'fpr') last?.subkeys.push(told.toLowerCase());
    else if (kind === 'uid' && last?.user === '') last.user = told;
  }
  return found;
}

/** The keys in a file, public or secret. @throws PackagingError when there is none */
export async function keysInFile(
  ctx: ToolContext,
  path: string,
): Promise<readonly [OpenPgpKey, ...OpenPgpKey[]]> {
  const { stdout } = await withGpgHome(ctx, (home) =>
    runTool(ctx, 'gpg', [...readingGpg(home), '--with-colons', '--show-keys', path], {
      failure: 'key-unusable',
      quiet: true,
    }),
  );
  const [first, ...others] = parseKeys(stdout);
  if (first === undefined) throw new PackagingError('key-unusable', `${path} holds no OpenPGP key`);
  return [first, ...others];
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
