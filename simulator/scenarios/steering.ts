import type {
  DeploymentOrder,
  DeploymentProgress,
  Restartable,
  SiteCommand,
} from '../../contracts/simulation/simulation.ts';

/** What a running simulation lets its scenarios do. */
export interface Steering {
  steerSite(site: number, command: SiteCommand): number | Promise<number>;
  beginDeployment(order: DeploymentOrder): Promise<string>;
  deploymentProgress(deployment: string): Promise<DeploymentProgress>;
  restartPlatform(processes: readonly Restartable[]): Promise<void>;
}
