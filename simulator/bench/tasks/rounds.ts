import { type ChildProcess, spawn } from 'node:child_process';

/** One side's turn. */
export interface Round {
  readonly seconds: number;
  /** CPU-seconds by process. */
  readonly cpu: Readonly<Record<string, number>>;
  /** CPU-seconds of this process, which drives the product. */
  readonly loadSeconds: number;
}

export function total(rounds: readonly Round[]): Round {
  const cpu: Record<string, number> = {};
  for (const round of rounds)
    for (const [name, seconds] of Object.entries(round.cpu)) cpu[name] = (cpu[name] ?? 0) + seconds;
  return {
    cpu,
    seconds: rounds.reduce((seconds, round) => seconds + round.seconds, 0),
    loadSeconds: rounds.reduce((seconds, round) => seconds + round.loadSeconds, 0),
  };
}

/**
 * Waits for the end of its input, which comes when this process closes it or is gone, however it ended; nobody else would
 * resume what it had paused.
 */
const WATCH = 'cat >/dev/null; kill -CONT "$@" 2>/dev/null';
const watchers = new Map<string, ChildProcess>();

/** Processes that take no CPU until they are resumed, or this process is gone. */
export function pause(pids: readonly number[]): void {
  const watched = pids.map(String);
  // In a session of its own: what ends all of ours must not end it first.
  const watcher = spawn('sh', ['-c', WATCH, 'watch', ...watched], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  if (watcher.pid === undefined) {
    watcher.on('error', () => undefined);
    throw new Error('Nothing can be paused: no process to be had that would resume it');
  }
  watchers.get(watched.join())?.kill('SIGKILL');
  watchers.set(watched.join(), watcher);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
}

export function resume(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGCONT');
    } catch (error) {
      // One that has ended meanwhile, which whoever speaks to it notices.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  const key = pids.join();
  // Later, the numbers may be those of others.
  watchers.get(key)?.kill('SIGKILL');
  watchers.delete(key);
}
