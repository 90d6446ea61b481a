import { Context } from '@temporalio/activity';

/** Heartbeats while `work` waits for something, so that a worker that died is noticed. */
export async function alive<T>(everyMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), everyMs);
  try {
    return await work(context.cancellationSignal);
  } finally {
    clearInterval(beat);
  }
}
