import type { Pool } from 'pg';
import { MAX_PENDING_TASKS } from '../../../contracts/agent/heartbeat.ts';
import type { Actor } from '../../../contracts/audit/audit.ts';
import { type MovedTask, moveTasks } from '../agent-task/move.ts';

const HAND_OVER: Actor = { type: 'system', id: 'hand-over' };

/** Picks and marks what the agents get now: the oldest of their queue, at most {@link MAX_PENDING_TASKS} each. */
export async function handOverTasks(
  pool: Pool,
  agentIds: readonly string[],
): Promise<Map<string, MovedTask[]>> {
  const moved = await moveTasks(pool, {
    word: 'assign',
    actor: HAND_OVER,
    pick: `SELECT t.id, t.before_status FROM unnest($3::uuid[]) AS a(agent_id) CROSS JOIN LATERAL (
        SELECT id, status AS before_status FROM agent_task
        WHERE agent_id = a.agent_id AND status = 'PENDING'
        ORDER BY queue_seq LIMIT ${MAX_PENDING_TASKS} FOR UPDATE SKIP LOCKED) t`,
    set: 'assigned_at = now(), handover_count = t.handover_count + 1',
    params: [agentIds],
    tell: 'soon',
    often: true,
    queue: 'deliver',
  });
  const byAgent = new Map<string, MovedTask[]>();
  for (const task of moved) {
    const tasks = byAgent.get(task.agent_id);
    if (tasks === undefined) byAgent.set(task.agent_id, [task]);
    else tasks.push(task);
  }
  return byAgent;
}
