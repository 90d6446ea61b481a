import { readdir, readFile } from 'node:fs/promises';

/** Linux' unit of CPU time in /proc, the same on all of its platforms that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** User and system time in seconds, with that of children that ended and were waited for. */
  readonly seconds: number;
  readonly residentPages: number;
}

async function statOf(pid: number | string): Promise<Stat | undefined> {
  // Processes end between being listed and being looked at.
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The command may hold blanks and brackets: fields are counted from the last closing one.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent = 0] = fields;
  const ticks = fields.slice(11, 15).reduce((sum, value) => sum + value, 0);
  return { pid: Number(pid), parent, seconds: ticks / TICKS_PER_SECOND, residentPages: fields[21] ?? 0 };
}

/** A process and all that descend from it. */
async function treeOf(pid: number): Promise<Stat[]> {
  const listed = await readdir('/proc').catch(() => {
    throw new Error('CPU time of processes is read from /proc: benches run on Linux');
  });
  const all = (await Promise.all(listed.filter((name) => /^\d+$/.test(name)).map(statOf))).filter(
    (stat) => stat !== undefined,
  );
  const tree = all.filter((stat) => stat.pid === pid);
  for (const stat of tree) tree.push(...all.filter((other) => other.parent === stat.pid));
  return tree;
}

/** CPU-seconds that a process and its descendants have used so far. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  return (await treeOf(pid)).reduce((sum, stat) => sum + stat.seconds, 0);
}

/** Bytes of memory that a single process holds (resident). */
export async function residentBytesOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1_024;
}

/** CPU-seconds of several processes (with their descendants) while `work` goes on. */
export async function cpuDuring<Name extends string, T>(
  pids: Readonly<Record<Name, number>>,
  work: () => Promise<T>,
): Promise<{ result: T; seconds: Record<Name, number> }> {
  const look = async (): Promise<[Name, number][]> =>
    Promise.all(
      (Object.entries(pids) as [Name, number][]).map(async ([name, pid]) => [name, await cpuSecondsOf(pid)]),
    );
  const before = new Map(await look());
  const result = await work();
  const after = await look();
  const seconds = Object.fromEntries(
    after.map(([name, value]) => [name, value - (before.get(name) ?? 0)]),
  ) as Record<Name, number>;
  return { result, seconds };
}

/** CPU-seconds by process for each 1,000 of `operations`. */
export const perThousand = (
  used: Readonly<Record<string, number>>,
  operations: number,
): Record<string, number> =>
  Object.fromEntries(Object.entries(used).map(([name, seconds]) => [name, (seconds * 1_000) / operations]));
