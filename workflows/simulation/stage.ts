import {
  type DeploymentProgress,
  SITES,
  type SimulationPlan,
  type SiteCommand,
} from '../../contracts/simulation/simulation.ts';

/** What the story of a scenario may do. */
export interface Stage {
  readonly plan: SimulationPlan;
  /** Says what happens now: to whoever watches, and in the outcome. */
  tell(event: string): void;
  steer(sites: readonly number[], command: SiteCommand): Promise<void>;
  /** Waits until so much of the run has passed. */
  until(ms: number, why: string): Promise<void>;
  noteDeployment(progress: DeploymentProgress): void;
}

export const ALL_SITES: readonly number[] = Array.from({ length: SITES }, (_, site) => site);
