import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SignatureRule } from '../../contracts/agent-task/package-rules.ts';
import type { RunResult } from '../process/run.ts';
import type { Tools } from '../system/tools.ts';
import { lastWords } from './installer.ts';

const VERIFY_LIMIT_MS = 300_000;
/** By default digests alone are enough, and an unsigned package passes; with flags of 0 nothing is left out. */
const ALL_OF_IT = ['--define', '_pkgverify_level all', '--define', '_pkgverify_flags 0'];
/** A line on a signature, of the header or of all: who made it, and what rpm says of it. */
const SIGNATURE = /Signature, key ID ([0-9a-f]{8,64}): (\w+)/gi;

/**
 * Checks an rpm by `rpmkeys` with a database of its own that holds the task's keys and no other: what the machine
 * trusts besides does not count.
 *
 * @returns id of the key that signed it
 * @throws Error saying what is wrong
 */
export async function verifyRpmSignature(
  path: string,
  rule: SignatureRule,
  tools: Tools,
  scratch: string,
): Promise<string> {
  const directory = await mkdtemp(join(scratch, 'verify-'));
  try {
    const database = ['--dbpath', join(directory, 'database')];
    await mkdir(join(directory, 'database'), { mode: 0o700 });
    for (const [index, key] of rule.trusted_keys.entries()) {
      const file = join(directory, `key-${index}.asc`);
      await writeFile(file, key, { mode: 0o600 });
      const imported = await rpmkeys(tools, [...database, '--import', file]);
      if (imported.exitCode !== 0)
        throw new Error(`a trusted key of the task cannot be used: ${words(imported)}`);
    }
    return judge(await rpmkeys(tools, [...database, ...ALL_OF_IT, '--checksig', '-v', path]));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function rpmkeys(tools: Tools, args: readonly string[]): Promise<RunResult> {
  const result = await tools.run('rpmkeys', args, { timeLimitMs: VERIFY_LIMIT_MS });
  if (result === undefined)
    throw new Error(
      'rpmkeys is not installed on this machine; signatures of .rpm packages cannot be checked without it',
    );
  return result;
}

function judge(result: RunResult): string {
  const seen = [...result.stdout.matchAll(SIGNATURE)].map(([, key = '', said = '']) => ({ key, said }));
  const [first] = seen;
  if (result.exitCode === 0 && first !== undefined && seen.every(({ said }) => said === 'OK'))
    return first.key.toUpperCase();
  if (seen.some(({ said }) => said === 'BAD') || /digest: BAD/i.test(result.stdout))
    throw new Error('the signature is wrong: the package was changed after it was signed');
  const stranger = seen.find(({ said }) => said !== 'OK');
  if (stranger?.said === 'NOKEY')
    throw new Error(`the package was signed by a key that is not trusted (${stranger.key})`);
  if (first === undefined && /digest: OK/i.test(result.stdout)) throw new Error('the package is not signed');
  throw new Error(`the signature cannot be checked: ${words(result)}`);
}

const words = ({ stdout, stderr }: RunResult): string => lastWords(stdout, stderr);
