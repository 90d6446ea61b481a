import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { BenchCommand } from '../command.ts';
import { UsageError } from '../options.ts';
import { type BenchResult, benchResultSchema, rounded, toLine } from '../result.ts';
import { compare, type Difference } from './compare.ts';

const USAGE = 'npm run bench -- compare A.json B.json [--threshold 0.1]: what got slower from A to B';
const DEFAULT_THRESHOLD = 0.1;

/**
 * `npm run bench -- compare A B`: tells differences on stderr, the verdict as JSON on stdout.
 *
 * @returns 1 when something got slower
 */
export async function compareFiles(
  args: readonly string[],
  { out, say }: Pick<BenchCommand, 'out' | 'say'>,
): Promise<number> {
  const { paths, threshold } = parse(args);
  const [a, b] = [await read(paths[0]), await read(paths[1])];
  if (a.name !== b.name) throw new UsageError(`${a.name} and ${b.name} cannot be compared`);
  const differences = compare(a, b, threshold);
  const { slower, faster } = tellDifferences(differences, say);
  out(toLine({ name: 'compare', bench: a.name, threshold, slower, faster, differences }));
  return slower.length === 0 ? 0 : 1;
}

/** Tells people of all differences. @returns the names of the figures that got slower and faster */
export function tellDifferences(
  differences: readonly Difference[],
  say: (line: string) => void,
): { slower: string[]; faster: string[] } {
  const table = new Table({ head: ['figure', 'A', 'B', 'B / A', ''], style: { head: [], border: [] } });
  for (const { figure, a: before, b: after, change, verdict } of differences)
    table.push([
      figure,
      rounded(before),
      rounded(after),
      change.toFixed(2),
      verdict === 'same' ? '' : verdict,
    ]);
  say(table.toString());
  const named = (verdict: string) =>
    differences.filter((entry) => entry.verdict === verdict).map((entry) => entry.figure);
  const slower = named('slower');
  say(slower.length === 0 ? 'Nothing got slower.' : `Slower: ${slower.join(', ')}.`);
  return { slower, faster: named('faster') };
}

function parse(args: readonly string[]): { paths: [string, string]; threshold: number } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { threshold: { type: 'string' } },
      allowPositionals: true,
    });
    const threshold = Number(values.threshold ?? DEFAULT_THRESHOLD);
    const [first, second, ...others] = positionals;
    if (first === undefined || second === undefined || others.length > 0) throw new Error('Name two files.');
    if (!(threshold > 0)) throw new Error('--threshold must be a number above 0.');
    return { paths: [first, second], threshold };
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${USAGE}`);
  }
}

/** The last line of a file that holds one: npm writes lines of its own before. */
async function read(path: string): Promise<BenchResult> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`);
  }
  try {
    return benchResultSchema.parse(JSON.parse(text.trim().split('\n').at(-1) ?? ''));
  } catch {
    throw new UsageError(`${path} does not end with the result of a bench`);
  }
}
