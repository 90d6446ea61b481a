import type { DeploymentStatus } from '../../contracts/deployment/states.ts';
import { isResting } from '../../contracts/deployment/states.ts';
import type { DeploymentOrder, DeploymentProgress } from '../../contracts/simulation/simulation.ts';
import type { DeploymentEvidence, Evidence } from '../evidence/evidence.ts';
import { packageKey } from '../fleet/context.ts';
import type { Package } from '../packages/prepare.ts';
import type { Orders, RingOrder } from './orders.ts';

/** How a deployment is ordered and followed. */
export interface DeploymentDriver {
  /** @returns its id */
  begin(order: DeploymentOrder, agentIds: readonly string[]): Promise<string>;
  progress(deployment: string): Promise<DeploymentProgress>;
}

export interface DeploymentFigures {
  readonly id: string;
  readonly package_name: string;
  readonly agents: number;
  readonly failure_share: number;
  /** Until it was created and approved. */
  readonly accepted_ms: number;
  /** Until nothing more moved by itself; null when that was not in this run. */
  readonly ended_s: number | null;
  readonly installs_per_second: number | null;
  readonly completed: number;
  readonly failed: number;
  readonly rolled_back: number;
  readonly status: DeploymentStatus;
  readonly reason: string;
  readonly rings: DeploymentEvidence['rings'];
  /** Devices that have the package in the end. */
  readonly installed: number;
}

export interface IntentParts {
  readonly orders: Pick<Orders, 'deploy'>;
  readonly evidence: Pick<Evidence, 'deployment'>;
  /** @returns ids of pipelines that passed */
  readonly prepare: (packages: readonly Package[]) => Promise<string[]>;
  /** Takes note of how often the install of a package fails. */
  readonly packageFailures: Map<string, number>;
}

const MOST_IN_FLIGHT = 5_000;
const CANARIES = 100;
/** Above it a ring stops the rollout; between ordinary failures and those of a bad package. */
export const GATE_PERCENT = 12;
/** Outcomes from which it says something of a package, and not of chance. */
const JUDGED_AFTER = 300;

interface Begun {
  readonly order: DeploymentOrder;
  readonly agents: number;
  readonly at: number;
  readonly acceptedMs: number;
  endedAt?: number;
}

/** Real deployments of prepared packages, in three rings with gates, ordered by one person and approved by another. */
export class IntentDeployments implements DeploymentDriver {
  readonly #parts: IntentParts;
  readonly #begun = new Map<string, Begun>();

  constructor(parts: IntentParts) {
    this.#parts = parts;
  }

  async begin(order: DeploymentOrder, agentIds: readonly string[]): Promise<string> {
    const { prepare, packageFailures, orders } = this.#parts;
    const { package_name: name, failure_share } = order;
    // What a rollback goes back to was there before.
    await prepare([{ name, version: '1.0.0' }]);
    const [pipelineId = ''] = await prepare([{ name, version: '2.0.0' }]);
    packageFailures.set(packageKey(name, '2.0.0-1'), failure_share);
    const at = performance.now();
    const id = await orders.deploy({
      pipelineId,
      agentIds,
      rings: ringsFor(agentIds.length),
      inFlight: MOST_IN_FLIGHT,
    });
    this.#begun.set(id, { order, agents: agentIds.length, at, acceptedMs: performance.now() - at });
    return id;
  }

  async progress(deployment: string): Promise<DeploymentProgress> {
    const found = await this.#parts.evidence.deployment(deployment);
    const begun = this.#begun.get(deployment);
    const open = openDevices(found);
    if (open === 0 && begun !== undefined) begun.endedAt ??= performance.now();
    return { tasks: begun?.agents ?? 0, ...found.installs, open, status: found.status };
  }

  figures(): Promise<DeploymentFigures[]> {
    return Promise.all(
      [...this.#begun].map(async ([id, { order, agents, at, acceptedMs, endedAt }]) => {
        const { status, reason, rings, devices, installs } = await this.#parts.evidence.deployment(id);
        const seconds = endedAt === undefined ? null : (endedAt - at) / 1_000;
        const ended = installs.completed + installs.failed;
        return {
          id,
          package_name: order.package_name,
          failure_share: order.failure_share,
          agents,
          accepted_ms: Math.round(acceptedMs),
          ended_s: seconds === null ? null : rounded(seconds),
          installs_per_second: seconds === null ? null : rounded(ended / seconds),
          ...installs,
          rolled_back: devices.ROLLED_BACK?.count ?? 0,
          ...{ status, reason, rings },
          installed: (devices.INSTALLED?.count ?? 0) + (devices.SICK?.count ?? 0),
        };
      }),
    );
  }
}

const rounded = (value: number): number => Math.round(value * 10) / 10;

function ringsFor(agents: number): RingOrder[] {
  const canaries = Math.min(CANARIES, Math.ceil(agents / 3));
  const gates = (judge_after: number): object => ({
    // Whether to go on is for the failures alone to say.
    success_percent: 0,
    max_failures: { percent: GATE_PERCENT },
    judge_after,
    // What a virtual machine measures is drawn at random, and says nothing of the package.
    health: { degraded_is_sick: false, max_cpu_increase: 100, max_memory_increase: 100 },
  });
  return [
    { size: { count: canaries }, gates: gates(canaries) },
    { size: { percent: 10 }, gates: gates(JUDGED_AFTER) },
    { size: { rest: true }, gates: gates(JUDGED_AFTER) },
  ];
}

/** Devices of which something is to be expected soon; none when the deployment rests, or waits for a person. */
function openDevices({ status, devices }: DeploymentEvidence): number {
  if (isResting(status) || status === 'PAUSED') return 0;
  const sum = (which: 'count' | 'reachable', states: readonly (keyof typeof devices)[]): number =>
    states.reduce((total, state) => total + (devices[state]?.[which] ?? 0), 0);
  // Who is away goes back when they return, and may be away for days.
  if (status === 'ROLLING_BACK') return sum('reachable', ['DISPATCHED', 'ROLLING_BACK', 'INSTALLED', 'SICK']);
  return Math.max(1, sum('count', ['WAITING', 'DISPATCHED']));
}
