import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { SignatureRule } from '../../contracts/agent-task/package-rules.ts';
import type { Tools } from '../system/tools.ts';
import { type ArMember, readArMembers } from './ar.ts';
import { lastWords } from './installer.ts';

/** What dpkg installs must be what was signed: nothing may stand beside it that a signature does not cover. */
const SIGNED = [/^debian-binary$/, /^control\.tar(\.[a-z0-9]+)?$/, /^data\.tar(\.[a-z0-9]+)?$/];
const SIGNATURE = '_gpgorigin';
const MAX_SIGNATURE_BYTES = 65_536;
const VERIFY_LIMIT_MS = 300_000;

/**
 * Checks the signature that a .deb carries in itself (as `debsigs` and nfpm make it, over `debian-binary`, control
 * and data) by `gpgv`, which trusts nothing but the keys given.
 *
 * @returns fingerprint of the key that signed it
 * @throws Error saying what is wrong
 */
export async function verifyDebSignature(
  path: string,
  rule: SignatureRule,
  tools: Tools,
  scratch: string,
): Promise<string> {
  const members = await readArMembers(path);
  const signature = members.at(-1);
  if (!members.some(({ name }) => name === SIGNATURE)) throw new Error('the package is not signed');
  const signed = members.slice(0, -1);
  const whole =
    signature?.name === SIGNATURE &&
    signed.length === SIGNED.length &&
    SIGNED.every((pattern, index) => pattern.test(signed[index]?.name ?? ''));
  if (!whole)
    throw new Error(
      `the package holds parts that are not signed: ${members.map(({ name }) => name).join(', ')}`,
    );
  if (signature.size > MAX_SIGNATURE_BYTES) throw new Error('the signature of the package is too large');

  const directory = await mkdtemp(join(scratch, 'verify-'));
  try {
    const names = { keys: 'keys.gpg', signature: 'signature', content: 'content' };
    const at = (name: keyof typeof names) => join(directory, names[name]);
    await writeFile(at('keys'), Buffer.concat(rule.trusted_keys.map(dearmor)), { mode: 0o600 });
    await copyMembers(path, [signature], at('signature'));
    await copyMembers(path, signed, at('content'));
    return await verify(tools, directory, at('keys'), at('signature'), at('content'));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function copyMembers(path: string, members: readonly ArMember[], target: string): Promise<void> {
  await pipeline(
    async function* () {
      for (const { offset, size } of members) {
        if (size > 0) yield* createReadStream(path, { start: offset, end: offset + size - 1 });
      }
    },
    createWriteStream(target, { mode: 0o600 }),
  );
}

async function verify(
  tools: Tools,
  home: string,
  keys: string,
  signature: string,
  content: string,
): Promise<string> {
  const args = ['--homedir', home, '--status-fd', '1', '--keyring', keys, signature, content];
  const result = await tools.run('gpgv', args, { timeLimitMs: VERIFY_LIMIT_MS });
  if (result === undefined)
    throw new Error(
      'gpgv is not installed on this machine; signatures of .deb packages cannot be checked without it',
    );
  const status = (word: string) => new RegExp(`^\\[GNUPG:\\] ${word} (\\S+)`, 'm').exec(result.stdout)?.[1];
  const valid = status('VALIDSIG');
  if (result.exitCode === 0 && valid !== undefined) return valid;
  const unknown = status('NO_PUBKEY') ?? status('ERRSIG');
  if (status('BADSIG') !== undefined)
    throw new Error('the signature is wrong: the package was changed after it was signed');
  if (unknown !== undefined)
    throw new Error(`the package was signed by a key that is not trusted (${unknown})`);
  throw new Error(`the signature cannot be checked: ${lastWords(result.stdout, result.stderr)}`);
}

/** The packets of an armored OpenPGP key (RFC 9580, section 6); gpgv reads no other form. */
function dearmor(armored: string): Buffer {
  const body = /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/.exec(
    armored,
  )?.[1];
  if (body === undefined) throw new Error('a trusted key of the task is no armored OpenPGP public key');
  const lines = body.split(/\r?\n/).map((line) => line.trim());
  // Headers end at the first empty line; the checksum line begins with =.
  const data = lines.slice(lines.indexOf('') + 1).filter((line) => line !== '' && !line.startsWith('='));
  return Buffer.from(data.join(''), 'base64');
}
