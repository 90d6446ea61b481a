import { type NativeConnection, Worker } from '@temporalio/worker';
import { analysisActivities } from '../../activities/incident/analysis.ts';
import type { Assistant } from '../../ai/assistant/ports.ts';
import { AI_TASK_QUEUE, HEARTBEAT_MS } from '../../contracts/temporal.ts';
import type { Stores } from '../../db/stores/index.ts';

export interface AiWorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly incidents: Stores['incidents'];
  readonly assistant: Assistant;
}

/** Analyses at once: each waits for a provider nearly all of its time. */
const MAX_ANALYSES = 8;

/**
 * The worker that asks providers of models. It runs no workflow, and is a process of its own: it alone needs keys of
 * providers and a way out to the internet, and a provider that hangs keeps nobody's timers waiting.
 */
export function createAiWorker(options: AiWorkerOptions): Promise<Worker> {
  return Worker.create({
    connection: options.connection,
    namespace: options.namespace,
    taskQueue: AI_TASK_QUEUE,
    activities: analysisActivities(options.incidents, options.assistant),
    maxConcurrentActivityTaskExecutions: MAX_ANALYSES,
    maxHeartbeatThrottleInterval: HEARTBEAT_MS,
    shutdownGraceTime: '5 seconds',
    shutdownForceTime: '15 seconds',
  });
}
