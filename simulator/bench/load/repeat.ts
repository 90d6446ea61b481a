import { type LoadReport, Tally } from './tally.ts';

/** Repeats something, so many at once, for a while; counts and times it. `once` gives a status to count by. */
export async function inParallel(
  atOnce: number,
  seconds: number,
  once: (lane: number) => Promise<number>,
): Promise<LoadReport> {
  const tally = new Tally();
  const until = tally.began + seconds * 1_000;
  const lane = async (index: number): Promise<void> => {
    for (let since = tally.began; since < until; since = performance.now())
      tally.count(await once(index), since);
  };
  await Promise.all(Array.from({ length: atOnce }, (_, index) => lane(index)));
  return tally.report();
}
