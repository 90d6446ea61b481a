import type { Chance } from './random.ts';
import type { VirtualAgent } from './virtual-agent.ts';

/** What agents send, as JSON. */

/** One heartbeat. Its counters tell the platform how much waits in the agent's queue, where something does. */
export function heartbeatBody(agent: VirtualAgent): string {
  const { agentVersion, instanceId, hardwareId } = agent.profile;
  const counters =
    agent.words === undefined && agent.samples === undefined
      ? ''
      : `,"counters":{"queue_words":${agent.words?.length ?? 0},"queue_telemetry":${agent.samples?.length ?? 0}}`;
  return `{"agent_version":"${agentVersion}","status":"ONLINE","last_error":null,"instance_id":"${instanceId}","hardware_id":"${hardwareId}"${counters}}`;
}

/** Of reports, how many carry the list of software because it has changed. */
const SOFTWARE_SHARE = 0.02;
const SOFTWARE = Array.from({ length: 30 }, (_, index) => ({
  name: `Simulated program ${index + 1}`,
  version: `${1 + (index % 7)}.${index % 10}.${index % 4}`,
  publisher: `Publisher ${index % 5}`,
}));
const MEMORY_MB = 16_384;
const DISK_GB = 512;

/** One sample; below every threshold that would make the agent DEGRADED. */
export function sampleBody(chance: Chance, agent: VirtualAgent, collectedAt: Date): string {
  agent.samplesMade += 1;
  const turn = agent.samplesMade * 4;
  const percent = (part: number, most: number): number =>
    Math.round(chance.between(5, most, 'measurement', agent.index, turn + part) * 10) / 10;
  const cpu_percent = percent(0, 80);
  const memory_percent = percent(1, 85);
  const disk_percent = percent(2, 85);
  return JSON.stringify({
    collected_at: collectedAt.toISOString(),
    cpu_percent,
    memory_percent,
    memory_used_mb: Math.round((MEMORY_MB * memory_percent) / 100),
    memory_total_mb: MEMORY_MB,
    disk_percent,
    disk_used_gb: Math.round((DISK_GB * disk_percent) / 100),
    disk_total_gb: DISK_GB,
    ...(chance.fraction('measurement', agent.index, turn + 3) < SOFTWARE_SHARE
      ? { installed_software: SOFTWARE }
      : {}),
  });
}

export const batchBody = (samples: readonly string[]): string => `{"samples":[${samples.join(',')}]}`;
