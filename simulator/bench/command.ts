import { messageOf } from '../../cli/engines/errors.ts';
import type { Progress } from '../../cli/engines/progress.ts';
import type { Bench } from './bench.ts';
import { printCapacity } from './capacity/command.ts';
import { Cleanup } from './cleanup.ts';
import { compareFiles } from './compare/command.ts';
import { parseOptions, UsageError, usageOf } from './options.ts';
import { type BenchResult, thisMachine, toLine } from './result.ts';

export interface BenchCommand {
  readonly args: readonly string[];
  readonly benches: Readonly<Record<string, () => Promise<Bench>>>;
  /** One line of JSON, and nothing else. */
  readonly out: (line: string) => void;
  /** Words for people. */
  readonly say: (line: string) => void;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** `npm run bench -- NAME [options]`. @returns the exit status: 0, 1 when it failed, 2 when it was not understood */
export async function runBench(command: BenchCommand): Promise<number> {
  const [name, ...args] = command.args;
  try {
    if (name === '--help') {
      command.say(await listOf(command.benches));
      return 0;
    }
    if (name === 'compare') return await compareFiles(args, command);
    if (name === 'capacity') return printCapacity(args, command.out);
    const load =
      name !== undefined && Object.hasOwn(command.benches, name) ? command.benches[name] : undefined;
    if (load === undefined) {
      const trouble = name === undefined ? 'Which bench?' : `There is no bench "${name}".`;
      throw new UsageError(`${trouble}\n${await listOf(command.benches)}`);
    }
    const bench = await load();
    if (args.includes('--help')) {
      command.say(usageOf(bench));
      return 0;
    }
    command.out(toLine(await measure(bench, args, command)));
    return 0;
  } catch (error) {
    const expected = error instanceof UsageError || command.signal.aborted;
    command.say(expected ? messageOf(error) : failureOf(error));
    return error instanceof UsageError ? 2 : 1;
  }
}

async function measure(bench: Bench, args: readonly string[], command: BenchCommand): Promise<BenchResult> {
  const options = parseOptions(bench, args);
  const cleanup = new Cleanup();
  try {
    const run = bench.run(options, { progress: command.progress, cleanup, signal: command.signal });
    // What still runs after Ctrl-C fails once its engines are gone, and nobody waits for it.
    run.catch(() => undefined);
    const figures = await Promise.race([run, whenAborted(command.signal)]);
    return { name: bench.name, ...figures, options, machine: thisMachine() };
  } finally {
    await cleanup.run();
  }
}

/** Rejects with the reason when a signal fires. */
function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

function failureOf(error: unknown): string {
  const stack = error instanceof Error ? error.stack : undefined;
  return stack ?? messageOf(error);
}

async function listOf(benches: BenchCommand['benches']): Promise<string> {
  const known = await Promise.all(Object.values(benches).map((load) => load()));
  return [
    'npm run bench -- NAME [options]; options of a bench: --help',
    ...known.map((bench) => `  ${bench.name.padEnd(14)} ${bench.summary}`),
    `  ${'compare'.padEnd(14)} A.json B.json: what got slower from A to B`,
    `  ${'capacity'.padEnd(14)} what a fleet needs, by the model of docs/performance/CAPACITY.md`,
  ].join('\n');
}
