import type { SimulationOutcome } from '../../contracts/simulation/simulation.ts';
import type { CheckResult } from '../checks/check.ts';
import type { Tally } from '../fleet/context.ts';
import type { DeploymentFigures } from '../load/deployment.ts';
import type { LatencyFigures } from '../measure/latency.ts';
import type { EndpointFigures } from '../measure/recorder.ts';
import type { Point, ProcessTotals } from '../measure/series.ts';
import type { SimulationOptions } from '../options.ts';

/** Everything that a run of the simulator found; kept as JSON, and drawn as a page. */
export interface SimulationReport {
  readonly kind: 'simulation';
  readonly passed: boolean;
  readonly begun_at: string;
  readonly options: SimulationOptions;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memory_gb: number;
    readonly node: string;
  };
  readonly enrolment: {
    readonly registered: number;
    readonly prepared: number;
    readonly seconds: number;
  };
  readonly checks: readonly CheckResult[];
  readonly scenario: SimulationOutcome;
  readonly seconds: { readonly run: number; readonly end: number };
  /** Over everything, and without the first heartbeat of each agent, which costs more than all others. */
  readonly endpoints: Readonly<Record<string, EndpointFigures>>;
  readonly settled: Readonly<Record<string, LatencyFigures>>;
  readonly operators: Readonly<Record<string, EndpointFigures>>;
  readonly offline_edge_delay: LatencyFigures;
  readonly delivered: Readonly<Pick<Tally, keyof Tally>>;
  readonly tasks: {
    readonly created: number;
    readonly by_state: Readonly<Record<string, number>>;
    /** Tasks that ended, over run and end. */
    readonly per_second: number;
    readonly drain_seconds: number;
  };
  readonly deployments: readonly DeploymentFigures[];
  readonly processes: Readonly<Record<string, ProcessTotals & { readonly cpu_s_per_1000_requests: number }>>;
  readonly series: readonly Point[];
}
