import { fork } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { BenchContext } from '../bench.ts';

/** A process of the bench's own, so that its CPU counts by itself. Takes commands one after the other. */
export interface Child<Command, Reply> {
  readonly pid: number;
  /** Rejects with the child's error, or when it ends. */
  ask(command: Command): Promise<Reply>;
  stop(): Promise<void>;
}

type Answer<Reply> = { readonly reply: Reply } | { readonly error: string };

/** The built form of a program of the simulator; also when this file itself runs from its source, in tests. */
export function builtProgram(path: string): string {
  const root = resolve(import.meta.dirname, '../../..');
  const dist = import.meta.url.endsWith('.ts') ? join(root, 'dist') : root;
  return join(dist, 'simulator', path);
}

/**
 * Starts a program of the simulator that answers commands by {@link answerParent}.
 *
 * @param path of its built form below `simulator/`, for example `bench/load/main.js`
 */
export function startChild<Command, Reply>(
  { cleanup }: Pick<BenchContext, 'cleanup'>,
  path: string,
  execArgv: readonly string[] = [],
): Child<Command, Reply> {
  const child = fork(builtProgram(path), {
    execArgv: ['--enable-source-maps', ...execArgv],
    // What it prints is for people: stdout belongs to the result.
    stdio: ['ignore', 2, 2, 'ipc'],
    serialization: 'advanced',
  });
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`${path} ended (${code ?? signal})`)));
  });
  ended.catch(() => undefined);
  const ask = async (command: Command): Promise<Reply> => {
    const answer = new Promise<Answer<Reply>>((resolve) =>
      child.once('message', (said) => resolve(said as Answer<Reply>)),
    );
    child.send(command as object);
    const given = await Promise.race([answer, ended]);
    if ('error' in given) throw new Error(`${path}: ${given.error}`);
    return given.reply;
  };
  let last: Promise<unknown> = Promise.resolve();
  const stop = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    const force = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await ended.catch(() => undefined);
    clearTimeout(force);
  };
  cleanup.add(stop);
  return {
    pid: child.pid ?? 0,
    ask: (command) => {
      const next = last.then(() => ask(command));
      last = next.catch(() => undefined);
      return next;
    },
    stop,
  };
}

/** The other side: answers every command of the parent; ends with it. */
export function answerParent<Command, Reply>(handle: (command: Command) => Promise<Reply>): void {
  process.on('message', (command) => {
    handle(command as Command).then(
      (reply) => process.send?.({ reply }),
      (error: unknown) => process.send?.({ error: String((error as Error)?.stack ?? error) }),
    );
  });
  process.once('disconnect', () => process.exit(0));
}
