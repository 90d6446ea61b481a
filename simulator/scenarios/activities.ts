import type { SimulationActivities } from '../../contracts/simulation/simulation.ts';
import type { Steering } from './steering.ts';

/**
 * The scenario's hands. Answers can be lost when the platform is restarted under its own simulation, so that Temporal
 * asks again: what was begun once is not begun again.
 */
export function simulationActivities(steering: Steering): SimulationActivities {
  const begun = new Map<string, Promise<unknown>>();
  function once<T>(key: string, work: () => Promise<T>): Promise<T> {
    const known = begun.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const running = work();
    begun.set(key, running);
    // What failed may be tried again.
    running.catch(() => begun.delete(key));
    return running;
  }
  return {
    steerSite: async (site, command) => steering.steerSite(site, command),
    beginDeployment: (order) =>
      once(`deployment ${order.package_name}`, () => steering.beginDeployment(order)),
    deploymentProgress: (deployment) => steering.deploymentProgress(deployment),
    restartPlatform: (key, processes) => once(`restart ${key}`, () => steering.restartPlatform(processes)),
  };
}
