import type { AgentConfiguration } from '../contracts/agent/enrolment.ts';
import { MAX_PENDING_TASKS } from '../contracts/agent/heartbeat.ts';
import type { Config } from '../contracts/config.ts';
import { MAX_TELEMETRY_BATCH } from '../contracts/telemetry/telemetry.ts';

/** Largest body that the agents' listener takes, in bytes; software lists are the largest. */
export const MAX_AGENT_BODY_BYTES = 8 * 1_048_576;

export function agentConfiguration(config: Config): AgentConfiguration {
  return {
    heartbeat_interval_seconds: config.EUCORA_HEARTBEAT_INTERVAL_SECONDS,
    telemetry_interval_seconds: config.EUCORA_TELEMETRY_INTERVAL_SECONDS,
    offline_after_seconds: config.EUCORA_OFFLINE_AFTER_SECONDS,
    limits: {
      max_pending_tasks: MAX_PENDING_TASKS,
      max_telemetry_batch: MAX_TELEMETRY_BATCH,
      max_body_bytes: MAX_AGENT_BODY_BYTES,
    },
  };
}
