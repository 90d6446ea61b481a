import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** What a process and its children have used so far. */
export interface Usage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

interface ProcessFacts extends Usage {
  readonly pid: number;
  readonly parent: number;
  /** Of children that have ended. */
  readonly endedCpuSeconds: number;
}

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4_096;

export interface Watched {
  readonly pid: number;
  /** Without its children; by default they count as its own, as Postgres' do. */
  readonly alone?: boolean;
}

/** CPU time and memory of each named process; one that is gone has none. */
export async function usageOf<Name extends string>(
  watched: ReadonlyMap<Name, Watched>,
): Promise<Map<Name, Usage>> {
  const source = process.platform === 'linux' ? LINUX : await listed();
  const found = new Map<Name, Usage>();
  for (const [name, { pid, alone = false }] of watched) {
    const family = await familyOf(source, pid, alone);
    if (family.length === 0) continue;
    found.set(name, {
      cpuSeconds: sum(family.map((facts) => facts.cpuSeconds + (alone ? 0 : facts.endedCpuSeconds))),
      residentBytes: await source.memory(family),
    });
  }
  return found;
}

/** Where facts about processes come from. */
interface Source {
  facts(pid: number): Promise<ProcessFacts | undefined>;
  children(pid: number): Promise<readonly number[]>;
  memory(family: readonly ProcessFacts[]): Promise<number>;
}

async function familyOf(source: Source, pid: number, alone: boolean): Promise<ProcessFacts[]> {
  const facts = await source.facts(pid);
  if (facts === undefined) return [];
  if (alone) return [facts];
  const below = await Promise.all(
    (await source.children(pid)).map((child) => familyOf(source, child, false)),
  );
  return [facts, ...below.flat()];
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

const LINUX: Source = {
  facts: async (pid) => {
    // Processes end between being listed and being looked at.
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    return stat === undefined ? undefined : parseStat(pid, stat);
  },
  children: async (pid) => {
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
    return text
      .split(' ')
      .map(Number)
      .filter((child) => child > 0);
  },
  memory: (family) => linuxMemory(family.map(({ pid }) => pid)),
};

/** What processes have for themselves, and once what they share: Postgres' buffers show in each of its processes. */
async function linuxMemory(pids: readonly number[]): Promise<number> {
  let own = 0;
  let shared = 0;
  for (const pid of pids) {
    const statm = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '0 0 0');
    const [, resident = 0, common = 0] = statm.split(' ').map(Number);
    own += resident - common;
    shared = Math.max(shared, common);
  }
  return (own + shared) * PAGE_BYTES;
}

/** Systems without /proc: one list of all processes. */
export async function listed(): Promise<Source> {
  const { stdout } = await execute('ps', ['-A', '-o', 'pid=,ppid=,time=,rss=']);
  const all = stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length === 4)
    .map(parsePs);
  return {
    facts: async (pid) => all.find((facts) => facts.pid === pid),
    children: async (pid) => all.filter(({ parent }) => parent === pid).map((facts) => facts.pid),
    memory: async (family) => sum(family.map(({ residentBytes }) => residentBytes)),
  };
}

/** @param stat content of `/proc/PID/stat` */
export function parseStat(pid: number, stat: string): ProcessFacts {
  // The command may hold blanks and brackets: fields are counted from the last closing one.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const field = (number: number): number => fields[number - 3] ?? 0;
  return {
    pid,
    parent: field(4),
    cpuSeconds: (field(14) + field(15)) / TICKS_PER_SECOND,
    endedCpuSeconds: (field(16) + field(17)) / TICKS_PER_SECOND,
    residentBytes: field(24) * PAGE_BYTES,
  };
}

/** @param fields pid, parent, `[[days-]hours:]minutes:seconds`, KiB */
export function parsePs(fields: readonly string[]): ProcessFacts {
  const [pid, parent, time = '', kibibytes] = fields;
  const [clock = '', days = '0'] = time.split('-').reverse();
  const cpuSeconds = clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return {
    pid: Number(pid),
    parent: Number(parent),
    cpuSeconds: cpuSeconds + Number(days) * 86_400,
    endedCpuSeconds: 0,
    residentBytes: Number(kibibytes) * 1_024,
  };
}
