import { randomUUID } from 'node:crypto';
import type { SimulationPlan } from '../contracts/simulation/simulation.ts';
import type { SimulationOptions } from './options.ts';

/** Everybody within two minutes; less in short runs. */
const STORM_MS = 120_000;
const STORM_SHARE = 0.4;
/** Of a run, how much may pass before the scenario's event. */
const LEAD_SHARE = 0.2;
/** A partition outlasts the silence that makes agents OFFLINE by so much: 6 minutes for 5. */
const PARTITION_SHARE = 1.2;

/** When a scenario does what, in a run of this length. */
export function planOf(options: SimulationOptions, begunAt: Date): SimulationPlan {
  const { scenario, durationMs, heartbeatMs, offlineAfterMs } = options;
  const time = begunAt.toISOString().slice(0, 19).replaceAll(/[^\d]/g, '');
  return {
    run_id: `${time}-${scenario}-${options.agents}-${randomUUID().slice(0, 8)}`,
    scenario,
    duration_ms: durationMs,
    lead_ms: Math.min(heartbeatMs * 1.5, durationMs * LEAD_SHARE),
    spread_ms: heartbeatMs,
    storm_ms: Math.min(STORM_MS, durationMs * STORM_SHARE),
    partition_ms: offlineAfterMs * PARTITION_SHARE,
    deployment: {
      package_name: scenario === 'bad-package' ? 'simulated-bad-package' : 'simulated-package',
      agents: options.deploymentAgents,
      failure_share: scenario === 'bad-package' ? 0.2 : options.failureShare,
    },
  };
}
