import type { Platform } from '../../contracts/agent/agent.ts';
import { SITES } from '../../contracts/simulation/simulation.ts';
import type { Chance } from './random.ts';

export interface FleetPlan {
  readonly agents: number;
  /** Of the run without its end, in milliseconds; absences lie in it. */
  readonly durationMs: number;
  readonly heartbeatMs: number;
  readonly telemetryMs: number;
  /** Silence after which the platform calls an agent OFFLINE. */
  readonly offlineAfterMs: number;
  /** Of the fleet, how many go away once in the run. */
  readonly absentShare: number;
}

/** Times are milliseconds since the fleet was started. */
export interface Absence {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Everything about a virtual agent that its seed decides beforehand. */
export interface Profile {
  readonly index: number;
  readonly site: number;
  readonly hostname: string;
  readonly platform: Platform;
  readonly platformVersion: string;
  readonly agentVersion: string;
  readonly hardwareId: string;
  readonly instanceId: string;
  /** Milliseconds into the interval at which it says its heartbeats. */
  readonly heartbeatOffsetMs: number;
  readonly telemetryOffsetMs: number;
  readonly absence: Absence | undefined;
}

const PLATFORM_SHARES: readonly (readonly [Platform, string, number])[] = [
  ['windows', '10.0.22631', 0.7],
  ['macos', '14.7', 0.85],
  ['linux', 'Debian GNU/Linux 12 (bookworm)', 1],
];
const VERSIONS = ['1.4.0', '1.4.1', '1.5.0'] as const;

export function profileOf(chance: Chance, plan: FleetPlan, index: number): Profile {
  const draw = chance.fraction('platform', index);
  const [platform, platformVersion] = PLATFORM_SHARES.find(([, , below]) => draw < below) ?? [
    'linux' as const,
    '',
  ];
  return {
    index,
    site: index % SITES,
    hostname: `sim-${String(index).padStart(7, '0')}`,
    platform,
    platformVersion,
    agentVersion: VERSIONS[chance.bits('platform', index, 1) % VERSIONS.length] ?? VERSIONS[0],
    hardwareId: `hw-${chance.uuid('hardware', index)}`,
    instanceId: chance.uuid('instance', index),
    heartbeatOffsetMs: chance.fraction('heartbeat', index) * plan.heartbeatMs,
    telemetryOffsetMs: chance.fraction('telemetry', index) * plan.telemetryMs,
    absence: absenceOf(chance, plan, index),
  };
}

/** Half of those who go away come back before anybody may call them OFFLINE, half stay away for longer. */
function absenceOf(chance: Chance, plan: FleetPlan, index: number): Absence | undefined {
  if (chance.fraction('absence', index) >= plan.absentShare) return undefined;
  const fromMs = chance.between(0.05, 0.5, 'absence', index, 1) * plan.durationMs;
  const short = chance.fraction('absence', index, 2) < 0.5;
  const times = short
    ? chance.between(0.2, 0.7, 'absence', index, 3)
    : chance.between(1.1, 1.5, 'absence', index, 3);
  return { fromMs, toMs: fromMs + times * plan.offlineAfterMs };
}
