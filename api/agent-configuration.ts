import type { AgentConfiguration } from '../contracts/agent/enrolment.ts';
import { MAX_PENDING_TASKS } from '../contracts/agent/heartbeat.ts';
import type { Config } from '../contracts/config.ts';
import { MAX_TELEMETRY_BATCH } from '../contracts/telemetry/telemetry.ts';
import { BODY_BYTES } from './body-limits.ts';

export function agentConfiguration(config: Config): AgentConfiguration {
  return {
    heartbeat_interval_seconds: config.EUCORA_HEARTBEAT_INTERVAL_SECONDS,
    telemetry_interval_seconds: config.EUCORA_TELEMETRY_INTERVAL_SECONDS,
    offline_after_seconds: config.EUCORA_OFFLINE_AFTER_SECONDS,
    limits: {
      max_pending_tasks: MAX_PENDING_TASKS,
      max_telemetry_batch: MAX_TELEMETRY_BATCH,
      max_body_bytes: BODY_BYTES.telemetry,
    },
  };
}
