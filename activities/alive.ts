import { Context } from '@temporalio/activity';
import { HEARTBEAT_MS } from '../contracts/temporal.ts';

/** Heartbeats while `work` goes on, so that a worker that died is noticed by the heartbeat timeout. */
export async function alive<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
  try {
    return await work(context.cancellationSignal);
  } finally {
    clearInterval(beat);
  }
}

/** The same activities, each of which heartbeats from its begin to its end. */
export function allAlive<A extends Readonly<Record<string, (...args: never[]) => Promise<unknown>>>>(
  activities: A,
): A {
  const beating = Object.entries(activities).map(([name, activity]) => [
    name,
    (...args: never[]) => alive(() => activity(...args)),
  ]);
  return Object.fromEntries(beating) as A;
}
