import type { Connection } from './connection.ts';
import { type LoadReport, Tally } from './tally.ts';

export interface Drive {
  readonly connections: readonly Connection[];
  /** The next request of a connection, by its number. */
  readonly next: (connection: number) => Buffer;
  readonly seconds: number;
  /** Goes on until so many requests were answered, even when the time is over. */
  readonly atLeast?: number | undefined;
  /** Requests a second over all connections, on schedule; as many as they can take when left out. */
  readonly rate?: number | undefined;
}

/** Keeps connections busy for a while and counts what was answered. */
export async function drive({ connections, next, seconds, rate, atLeast = 0 }: Drive): Promise<LoadReport> {
  const tally = new Tally();
  const until = tally.began + seconds * 1_000;
  const isOver = (now: number): boolean => now >= until && tally.requests >= atLeast;
  const run = rate === undefined ? closedLoop : onSchedule(rate);
  await run(connections, next, isOver, (status, sentAt) => tally.count(status, sentAt));
  return tally.report();
}

type Loop = (
  connections: readonly Connection[],
  next: Drive['next'],
  isOver: (now: number) => boolean,
  count: (status: number, sentAt: number) => void,
) => Promise<void>;

/** Each connection sends its next request as soon as it has the answer to the last. */
const closedLoop: Loop = async (connections, next, isOver, count) => {
  await Promise.all(
    connections.map(
      (connection, index) =>
        new Promise<void>((resolve) => {
          const step = (): void => {
            const sentAt = performance.now();
            if (isOver(sentAt)) {
              resolve();
              return;
            }
            connection.send(next(index), (status) => {
              count(status, sentAt);
              // A broken connection would spin.
              if (status === 0) resolve();
              else step();
            });
          };
          step();
        }),
    ),
  );
};

/** Requests fall due at a steady pace; latency counts from then on, also while no connection was free. */
const onSchedule =
  (rate: number): Loop =>
  (connections, next, isOver, count) =>
    new Promise((resolve) => {
      const began = performance.now();
      const free = connections.map((_, index) => index);
      let sent = 0;
      let underWay = 0;
      const send = (now: number): void => {
        while (free.length > 0 && began + (sent / rate) * 1_000 <= now && !isOver(now)) {
          const dueAt = began + (sent / rate) * 1_000;
          const index = free.shift() as number;
          sent += 1;
          underWay += 1;
          connections[index]?.send(next(index), (status) => {
            count(status, dueAt);
            underWay -= 1;
            if (status !== 0) free.push(index);
            if (isOver(performance.now()) && underWay === 0) finish();
          });
        }
      };
      const timer = setInterval(() => {
        const now = performance.now();
        send(now);
        if (isOver(now) && underWay === 0) finish();
      }, 1);
      const finish = (): void => {
        clearInterval(timer);
        resolve();
      };
    });
