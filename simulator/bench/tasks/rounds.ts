import { spawn } from 'node:child_process';
import { once } from 'node:events';

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

/** Resumes processes at the end of its input, which comes when this process closes it or is gone, however it ended. */
const RESUME_AT_END = 'cat >/dev/null; kill -CONT "$@" 2>/dev/null';

/**
 * Processes that take no CPU until they are resumed, or this process is gone.
 *
 * @returns what resumes them, any number of times
 */
export function pause(pids: readonly number[]): () => Promise<void> {
  // In a session of its own: what ends all of ours must not end it first.
  const watcher = spawn('sh', ['-c', RESUME_AT_END, 'watch', ...pids.map(String)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  if (watcher.pid === undefined) {
    watcher.on('error', () => undefined);
    throw new Error('Nothing can be paused: no process to be had that would resume it');
  }
  const resumed = once(watcher, 'exit');
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  return async () => {
    watcher.stdin.end();
    await resumed;
  };
}
