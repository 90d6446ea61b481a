import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { analysisActivities } from '../../activities/incident/analysis.ts';
import type { Assistant } from '../../ai/assistant/ports.ts';
import type { IncidentSnapshot } from '../../contracts/incident/snapshot.ts';
import { AI_TASK_QUEUE } from '../../contracts/temporal.ts';
import type { IncidentStore } from '../../db/stores/incident/incident-store.ts';
import { createLogger } from '../../runtime/logger.ts';
import { IncidentRelay } from '../../workers/control-plane/incident-relay.ts';
import { CLASSIFIED, SUGGESTED } from '../db/support/incidents.ts';
import type { TestDatabase } from './database.ts';
import { eventually } from './eventually.ts';
import type { TestControlPlane } from './temporal.ts';

export interface TestAnalysis {
  readonly relay: IncidentRelay;
  /** Questions that were asked, in their order. */
  readonly asked: string[];
  /** The assistant's answers from now on; by default it is sure. */
  answer: Partial<Assistant>;
  stop(): Promise<void>;
}

/**
 * The worker of the AI task queue with the real activities, and the relay of incidents, which tests call by
 * `relayOnce`. The assistant stands for providers, whose answers each story needs to be different.
 */
export async function incidentAnalysis(
  env: TestWorkflowEnvironment,
  database: TestDatabase,
  plane: Pick<TestControlPlane, 'client' | 'syncClock'>,
): Promise<TestAnalysis> {
  const { incidents } = database.stores;
  const analysis: Pick<TestAnalysis, 'asked' | 'answer'> = { asked: [], answer: {} };
  const assistant: Assistant = {
    classifyIncident: async (failure, options) => {
      await plane.syncClock();
      analysis.asked.push('classify');
      return analysis.answer.classifyIncident?.(failure, options) ?? CLASSIFIED;
    },
    suggestRemediation: async (input, options) => {
      analysis.asked.push(input.wish === undefined ? 'suggest' : `suggest ${input.wish}`);
      return analysis.answer.suggestRemediation?.(input, options) ?? SUGGESTED;
    },
    checkCredentials: async () => [],
  };
  const worker = await Worker.create({
    connection: env.nativeConnection,
    namespace: env.namespace ?? 'default',
    taskQueue: AI_TASK_QUEUE,
    activities: analysisActivities(incidents, assistant),
  });
  const running = worker.run();
  return Object.assign(analysis, {
    relay: new IncidentRelay({ client: plane.client, incidents, logger: createLogger('test', 'silent') }),
    stop: async () => {
      worker.shutdown();
      await running;
    },
  });
}

/**
 * The workflow has heard where its incident stands, and nothing of it is under way any more but timers. The
 * time-skipping server counts on activities to end: one that is still running when its workflow ends would keep time from
 * ever passing again. Asked in this order, for what the workflow begins on hearing is known with the answer to the query.
 */
export async function atRest(handle: WorkflowHandle, incidents: IncidentStore, id: string): Promise<void> {
  await eventually(async () => {
    const [told] = await incidents.snapshots([id]);
    const known = await handle.query<IncidentSnapshot>('incidentSnapshot');
    if (known.status !== told?.status || known.waiting_since !== told.waiting_since)
      throw new Error(`The workflow knows ${known.status} of ${told?.status}`);
    const pending = (await handle.describe()).raw.pendingActivities ?? [];
    if (pending.length > 0) throw new Error('Activities are under way');
  });
}
