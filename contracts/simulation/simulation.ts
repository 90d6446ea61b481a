/** What the simulator's workflows, activities and command line say to each other. No zod: workflows read this, too. */

export const SIMULATION_TASK_QUEUE = 'eucora-simulation';

export const SCENARIOS = [
  'steady',
  'morning-storm',
  'partition',
  'bad-package',
  'restart',
  'deployment',
] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** Custom search attribute of the simulator's workflows, of type Keyword. */
export const SCENARIO_ATTRIBUTE = 'EucoraScenario';

export const SIMULATION_WORKFLOW_TYPES = {
  simulation: 'simulation',
  simulatedSite: 'simulatedSite',
} as const;

/** Agents live at this many sites, in equal parts; scenarios steer whole sites. */
export const SITES = 10;
/** A partition cuts so many of them off: 30 % of the fleet. */
export const PARTITIONED_SITES = 3;

export const RESTARTABLE = ['api', 'worker', 'temporal', 'postgres'] as const;
export type Restartable = (typeof RESTARTABLE)[number];

/** What a scenario does and when; milliseconds. */
export interface SimulationPlan {
  readonly run_id: string;
  readonly scenario: Scenario;
  readonly duration_ms: number;
  /** Quiet time after everybody is there, before the scenario's event. */
  readonly lead_ms: number;
  /** Within which a fleet that is woken in step spreads its heartbeats. */
  readonly spread_ms: number;
  /** Within which everybody comes online in a morning storm. */
  readonly storm_ms: number;
  readonly partition_ms: number;
  readonly deployment: DeploymentOrder;
}

export interface DeploymentOrder {
  readonly package_name: string;
  readonly agents: number;
  /** Of the installations, 0 to 1. */
  readonly failure_share: number;
}

export interface DeploymentProgress {
  /** Devices that it is for. */
  readonly tasks: number;
  readonly completed: number;
  readonly failed: number;
  /** Devices of which something is to be expected; none: it has ended, or waits for a person. */
  readonly open: number;
  /** Where it stands. */
  readonly status?: string;
}

export type SiteCommand =
  | { readonly kind: 'wake' | 'reconnect'; readonly within_ms: number }
  | { readonly kind: 'cut' };

/** What the simulator does for its workflows. */
export interface SimulationActivities {
  /** @returns agents that the command was for */
  steerSite(site: number, command: SiteCommand): Promise<number>;
  /** @returns the id of the deployment; the same one when it is asked for again */
  beginDeployment(order: DeploymentOrder): Promise<string>;
  deploymentProgress(deployment: string): Promise<DeploymentProgress>;
  /** Kills the processes and starts them again, all at once; only once for the same key. */
  restartPlatform(key: string, processes: readonly Restartable[]): Promise<void>;
}

export interface SimulationOutcome {
  readonly scenario: Scenario;
  /** What happened, in order. */
  readonly events: readonly string[];
  readonly deployment: DeploymentProgress | null;
}
