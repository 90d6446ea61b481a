import type { Coefficients, Usage } from './coefficients.ts';

/** A fleet and how it is used. */
export interface Fleet {
  readonly agents: number;
  readonly heartbeat_s: number;
  readonly telemetry_s: number;
  readonly tasks_a_day_and_agent: number;
  /** Share of a day's tasks that fall into its busiest hour. */
  readonly busiest_hour: number;
  /** Seconds within which all agents connect anew after an outage. */
  readonly reconnect_s: number;
  readonly telemetry_days: number;
  readonly audit_days: number;
  readonly task_days: number;
}

export const USUAL = {
  heartbeat_s: 60,
  telemetry_s: 300,
  tasks_a_day_and_agent: 2,
  busiest_hour: 0.2,
  reconnect_s: 300,
  telemetry_days: 30,
  audit_days: 730,
  task_days: 365,
} as const satisfies Omit<Fleet, 'agents'>;

/** Prices a month, in any currency; only their proportions matter for a comparison. */
export interface Prices {
  readonly core: number;
  readonly memory_gib: number;
  readonly disk_gib: number;
}
export const PRICES: Prices = { core: 25, memory_gib: 3, disk_gib: 0.12 };

export interface Capacity {
  readonly agents: number;
  readonly load: {
    readonly heartbeats_s: number;
    readonly telemetry_s: number;
    readonly peak_tasks_s: number;
    readonly reconnects_s: number;
  };
  /** Cores in use at the busiest hour, without reconnects. */
  readonly cores: Usage;
  readonly api_replicas: number;
  readonly worker_replicas: number;
  readonly postgres: { readonly cores: number; readonly memory_gib: number; readonly disk_gib: number };
  readonly temporal: { readonly cores: number; readonly shards: number; readonly disk_gib: number };
  readonly cost_a_month: number;
  /** What is nearest to its limit, with the share of it that is used; above 1 it is past it. */
  readonly breaks_first: { readonly what: string; readonly used: number };
  readonly limits: Readonly<Record<string, number>>;
}

/** Share of a core that is used at the busiest hour; the rest takes storms and the death of a replica. */
const TARGET = 0.6;
/** Memory of an API replica for connections: three quarters of 2 GiB less what it takes without any. */
const CONNECTION_BYTES = 1.25 * 2 ** 30;
/** Cores of the largest single Postgres that is ordinary to rent. */
const POSTGRES_CORES = 64;
/** Rows that one Postgres stamps a second before its log and its vacuum are the limit: half of what was measured alone. */
const STAMPS_S = 39_000;
/** A lifecycle takes some 15 updates under its shard's lock: this keeps the wait for the lock short. */
const TASKS_S_A_SHARD = 2;
const GIB = 2 ** 30;
const DAY_S = 86_400;

/** Sizes a platform for a fleet. */
export function capacityFor(fleet: Fleet, { cpu, bytes }: Coefficients, prices: Prices = PRICES): Capacity {
  const { agents } = fleet;
  const load = {
    heartbeats_s: agents / fleet.heartbeat_s,
    telemetry_s: agents / fleet.telemetry_s,
    peak_tasks_s: (agents * fleet.tasks_a_day_and_agent * fleet.busiest_hour) / 3_600,
    reconnects_s: agents / fleet.reconnect_s,
  };
  const cores = sum([
    times(cpu.heartbeat, load.heartbeats_s),
    times(cpu.telemetry, load.telemetry_s),
    times(cpu.task, load.peak_tasks_s),
    // A hundredth of the fleet goes and comes every hour.
    times(cpu.presenceEdges, agents / 100 / 3_600),
  ]);
  const api = Math.max(
    2,
    Math.ceil(cores.api / TARGET),
    Math.ceil((agents * bytes.connection) / CONNECTION_BYTES) + 1,
  );
  const workers = Math.max(2, Math.ceil(cores.worker / TARGET));
  const taskRows = agents * fleet.tasks_a_day_and_agent * fleet.task_days;
  const disk =
    agents * bytes.agent +
    taskRows * bytes.task +
    // Four changes a task are audited.
    agents * fleet.tasks_a_day_and_agent * fleet.audit_days * 4 * bytes.auditEvent +
    agents * (DAY_S / fleet.telemetry_s) * fleet.telemetry_days * bytes.telemetry;
  const hot = agents * bytes.agent + agents * (DAY_S / fleet.telemetry_s) * bytes.telemetry;
  const postgres = {
    cores: Math.max(2, Math.ceil(cores.postgres / TARGET)),
    memory_gib: Math.max(4, Math.ceil((hot * 2) / GIB)),
    disk_gib: Math.ceil((disk * 1.5) / GIB),
  };
  const temporal = {
    cores: Math.max(2, Math.ceil(cores.temporal / TARGET)),
    shards: powerOfTwo(Math.max(512, load.peak_tasks_s / TASKS_S_A_SHARD)),
    disk_gib: Math.ceil((agents * fleet.tasks_a_day_and_agent * 30 * bytes.workflow * 1.5) / GIB),
  };
  const limits = {
    'new handshakes after an outage, of all API cores': (load.reconnects_s * cpu.handshake) / api,
    'resumed handshakes after an outage, of all API cores': (load.reconnects_s * cpu.resumedHandshake) / api,
    'cores of one Postgres': postgres.cores / POSTGRES_CORES,
    'heartbeats that one Postgres stamps': load.heartbeats_s / STAMPS_S,
    'database connections at 300': (10 * (api + workers)) / 300,
  };
  const [what = '', used = 0] = Object.entries(limits).sort(([, a], [, b]) => b - a)[0] ?? [];
  return {
    agents,
    load,
    cores,
    api_replicas: api,
    worker_replicas: workers,
    postgres,
    temporal,
    cost_a_month: Math.round(
      // Where memory asks for more replicas than CPU does, each needs less than a core.
      prices.core * (Math.max(2, Math.ceil(cores.api / TARGET)) + workers + postgres.cores + temporal.cores) +
        prices.memory_gib * (api * 2 + workers * 1.5 + postgres.memory_gib + temporal.cores * 4) +
        prices.disk_gib * (postgres.disk_gib + temporal.disk_gib),
    ),
    breaks_first: { what, used },
    limits,
  };
}

const NAMES = ['api', 'worker', 'postgres', 'temporal'] as const;

function times(usage: Usage, factor: number): Usage {
  return make((name) => usage[name] * factor);
}

function sum(usages: readonly Usage[]): Usage {
  return make((name) => usages.reduce((total, usage) => total + usage[name], 0));
}

function make(value: (name: keyof Usage) => number): Usage {
  const made = { api: 0, worker: 0, postgres: 0, temporal: 0 };
  for (const name of NAMES) made[name] = value(name);
  return made;
}

const powerOfTwo = (least: number): number => 2 ** Math.ceil(Math.log2(least));
