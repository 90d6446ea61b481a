import { setTimeout as delay } from 'node:timers/promises';
import { type Client, WorkflowFailedError, WorkflowIdConflictPolicy } from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import {
  SCENARIO_ATTRIBUTE,
  SIMULATION_TASK_QUEUE,
  SIMULATION_WORKFLOW_TYPES,
  type SimulationOutcome,
  type SimulationPlan,
} from '../../contracts/simulation/simulation.ts';

const KEYWORD = 2;
const ALREADY_EXISTS = 6;
const AGAIN_MS = 1_000;
/** Of one call; the platform may be down on purpose. */
const CALL_MS = 30_000;

export async function registerScenarioAttribute(client: Client, namespace: string): Promise<void> {
  await client.connection.operatorService
    .addSearchAttributes({ namespace, searchAttributes: { [SCENARIO_ATTRIBUTE]: KEYWORD } })
    .catch((error: { code?: number }) => {
      if (error.code !== ALREADY_EXISTS) throw error;
    });
}

export const simulationWorkflowId = (runId: string): string => `simulation/${runId}`;

/**
 * Runs the scenario's workflow to its end, also through restarts of Temporal itself.
 *
 * @throws WorkflowFailedError when the scenario failed; the signal's reason when it is given up
 */
export async function runScenario(
  client: Client,
  plan: SimulationPlan,
  signal: AbortSignal,
): Promise<SimulationOutcome> {
  const workflowId = simulationWorkflowId(plan.run_id);
  await client.workflow.start(SIMULATION_WORKFLOW_TYPES.simulation, {
    workflowId,
    taskQueue: SIMULATION_TASK_QUEUE,
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
    args: [plan],
    staticSummary: `Scenario ${plan.scenario}`,
    typedSearchAttributes: new TypedSearchAttributes([
      { key: defineSearchAttributeKey(SCENARIO_ATTRIBUTE, 'KEYWORD'), value: plan.scenario },
    ]),
  });
  const handle = client.workflow.getHandle(workflowId);
  for (;;) {
    signal.throwIfAborted();
    try {
      return await client.withDeadline(Date.now() + CALL_MS, () => handle.result());
    } catch (error) {
      if (error instanceof WorkflowFailedError) throw error;
      await delay(AGAIN_MS, undefined, { signal });
    }
  }
}
