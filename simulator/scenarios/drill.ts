import type { RunningPlatform } from '../../cli/platform/start.ts';
import type {
  DeploymentOrder,
  DeploymentProgress,
  Restartable,
  SiteCommand,
} from '../../contracts/simulation/simulation.ts';
import type { Outage } from '../evidence/evidence.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { type DeploymentDriver, PACKAGE_PLATFORM } from '../load/deployment.ts';
import type { Steering } from './steering.ts';

/** Engines first: the others wait for them. */
const START_ORDER: readonly (readonly Restartable[])[] = [
  ['postgres', 'temporal'],
  ['worker', 'api'],
];

export interface DrillParts {
  readonly fleet: Fleet;
  readonly running: Pick<RunningPlatform, 'kill' | 'restart'>;
  readonly deployments: DeploymentDriver;
}

/** Does to the fleet and the platform what scenarios ask for, and remembers what it did. */
export class Drill implements Steering {
  /** Times in which something of the platform was down because we killed it; epoch milliseconds. */
  readonly disruptions: Outage[] = [];
  readonly #parts: DrillParts;

  constructor(parts: DrillParts) {
    this.#parts = parts;
  }

  steerSite(site: number, command: SiteCommand): number {
    const { fleet } = this.#parts;
    switch (command.kind) {
      case 'wake':
        return fleet.bringBack({ site }, 'asleep', command.within_ms);
      case 'cut':
        return fleet.sendAway({ site }, 'cut');
      case 'reconnect':
        return fleet.bringBack({ site }, 'cut', command.within_ms);
    }
  }

  beginDeployment(order: DeploymentOrder): Promise<string> {
    const { agents, context } = this.#parts.fleet;
    // Agents in an order of the seed's own, not those that enrolled first.
    const chosen = agents
      .filter(({ profile }) => profile.platform === PACKAGE_PLATFORM)
      .map((agent) => ({ id: agent.id, rank: context.chance.bits('target', agent.index, 1) }))
      .sort((a, b) => a.rank - b.rank)
      .slice(0, order.agents);
    return this.#parts.deployments.begin(
      order,
      chosen.map(({ id }) => id),
    );
  }

  deploymentProgress(deployment: string): Promise<DeploymentProgress> {
    return this.#parts.deployments.progress(deployment);
  }

  async restartPlatform(processes: readonly Restartable[]): Promise<void> {
    const { running } = this.#parts;
    const fromAt = Date.now();
    await Promise.all(processes.map((name) => running.kill(name)));
    for (const names of START_ORDER)
      await Promise.all(
        names.filter((name) => processes.includes(name)).map((name) => running.restart(name)),
      );
    this.disruptions.push({ fromAt, toAt: Date.now() });
  }

  /** At the end of a run: whoever is still away comes back, so that what waits for it can end. */
  bringEverybodyBack(withinMs: number): void {
    for (const reason of ['absent', 'cut', 'asleep'] as const)
      this.#parts.fleet.bringBack('all', reason, withinMs);
  }
}
