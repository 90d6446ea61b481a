import type pg from 'pg';
import type { TaskOutcome } from '../../../contracts/agent-task/snapshot.ts';
import { isFinal, type TaskStatus } from '../../../contracts/agent-task/states.ts';
import { agentTaskWorkflowId } from '../../../contracts/temporal.ts';
import { breakInChain, readChanges } from './audit-chain.ts';
import { eventually } from './insist.ts';
import type { Reach } from './rig.ts';

export interface EndedTask {
  readonly id: string;
  readonly status: TaskStatus;
  readonly version: number;
  readonly retry_count: number;
  readonly handover_count: number;
}

/** How long the other engine may take to follow after everything runs again. */
const SETTLE_MS = 90_000;
const AT_ONCE = 20;

/**
 * Waits until the tasks have ended, then shows that Postgres, Temporal and audit tell the same story of each.
 *
 * @returns the tasks as they ended
 */
export async function proveEnded(
  reach: Reach,
  taskIds: readonly string[],
  options: { readonly workflows?: boolean } = {},
): Promise<Map<string, EndedTask>> {
  const tasks = await eventually('every task has ended', SETTLE_MS, async () => {
    const { rows } = await reach.database.query<EndedTask>(
      `SELECT id, status, version, retry_count, handover_count FROM agent_task WHERE id = ANY($1::uuid[])`,
      [taskIds],
    );
    const open = rows.filter((row) => !isFinal(row.status));
    if (open.length > 0) throw new Error(`still open: ${JSON.stringify(open)}`);
    return rows;
  });
  expect(new Set(taskIds).size).toBe(taskIds.length);
  expect(tasks).toHaveLength(taskIds.length);
  await proveOutboxEmpty(reach);
  await proveAudit(reach, tasks);
  if (options.workflows !== false) await proveWorkflows(reach, tasks);
  return new Map(tasks.map((task) => [task.id, task]));
}

export async function proveOutboxEmpty(reach: Reach): Promise<void> {
  await eventually('the outbox is empty', SETTLE_MS, async () => {
    const { rows } = await reach.database.query('SELECT task_id FROM agent_task_outbox LIMIT 1');
    return rows.length === 0 ? true : undefined;
  });
}

/** One event for each change of state, each beginning where the one before ended. */
async function proveAudit(reach: Reach, tasks: readonly EndedTask[]): Promise<void> {
  const changes = await readChanges(
    reach.database,
    'agent_task',
    tasks.map((task) => task.id),
  );
  const wrong = tasks.flatMap((task) => {
    const events = changes.get(task.id) ?? [];
    const broken = breakInChain(events, task.status);
    if (broken !== undefined) return [`${task.id}: ${broken}`];
    return events.length === task.version
      ? []
      : [`${task.id}: ${events.length} events, ${task.version} changes`];
  });
  expect(wrong).toEqual([]);
}

/** One execution for each task, closed, with the task's own final state as its result. */
async function proveWorkflows(reach: Reach, tasks: readonly EndedTask[]): Promise<void> {
  const wrong: string[] = [];
  const waiting = [...tasks];
  const next = async (): Promise<void> => {
    for (let task = waiting.pop(); task !== undefined; task = waiting.pop()) {
      const outcome = await workflowOf(reach, task);
      if (outcome !== task.status) wrong.push(`${task.id}: ${task.status}, but its workflow ${outcome}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  expect(wrong).toEqual([]);
  const executions = await eventually('visibility has every workflow', SETTLE_MS, async () => {
    const counted = new Map(tasks.map((task) => [agentTaskWorkflowId(task.id), 0]));
    for await (const { workflowId, status } of reach.temporal.workflow.list({
      query: "WorkflowType = 'agentTask'",
      pageSize: 1_000,
    })) {
      const count = counted.get(workflowId);
      if (count === undefined) continue;
      if (status.name !== 'COMPLETED') return undefined;
      counted.set(workflowId, count + 1);
    }
    return [...counted.values()].includes(0) ? undefined : counted;
  });
  expect([...executions].filter(([, count]) => count !== 1)).toEqual([]);
}

async function workflowOf(reach: Reach, task: EndedTask): Promise<string> {
  const handle = reach.temporal.workflow.getHandle(agentTaskWorkflowId(task.id));
  try {
    const closed = await eventually(`the workflow of ${task.id} has closed`, SETTLE_MS, async () => {
      const { status } = await handle.describe();
      return status.name === 'RUNNING' ? undefined : status.name;
    });
    if (closed !== 'COMPLETED') return closed;
    return ((await handle.result()) as TaskOutcome).status;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Every change of an agent's presence begins where the one before ended. */
export async function proveAgentsAudit(
  reach: Reach,
  agents: readonly { readonly id: string }[],
): Promise<void> {
  const ids = agents.map((agent) => agent.id);
  // One snapshot: agents that nobody drives any longer go OFFLINE meanwhile.
  const { rows, changes } = await inSnapshot(reach.database, async (snapshot) => ({
    rows: (
      await snapshot.query<{ id: string; status: string }>(
        'SELECT id, status FROM agent WHERE id = ANY($1::uuid[])',
        [ids],
      )
    ).rows,
    changes: await readChanges(snapshot, 'agent', ids),
  }));
  expect(rows).toHaveLength(ids.length);
  const wrong = rows.flatMap(({ id, status }) => {
    const broken = breakInChain(changes.get(id) ?? [], status);
    return broken === undefined ? [] : [`${id}: ${broken}`];
  });
  expect(wrong).toEqual([]);
}

async function inSnapshot<T>(database: pg.Pool, read: (snapshot: pg.PoolClient) => Promise<T>): Promise<T> {
  const snapshot = await database.connect();
  try {
    await snapshot.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    return await read(snapshot);
  } finally {
    // Closed, not given back: nothing of it is left, whatever has happened.
    snapshot.release(true);
  }
}
