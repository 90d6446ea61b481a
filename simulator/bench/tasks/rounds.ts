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

/** Processes that take no CPU until they are resumed. */
export function pause(pids: readonly number[]): void {
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
}
