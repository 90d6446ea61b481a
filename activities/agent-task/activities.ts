import type { TaskSnapshot } from '../../contracts/agent-task/snapshot.ts';
import type { TaskStore } from '../../db/stores/agent-task/task-store.ts';
import { allAlive } from '../alive.ts';

export type AgentTaskActivities = ReturnType<typeof agentTaskActivities>;

/** What a task's timers do. Each answers the task as it stands afterwards, whether the timer was right or not. */
export function agentTaskActivities(tasks: Pick<TaskStore, 'requeueLostHandover' | 'timeOut' | 'snapshots'>) {
  return allAlive({
    async requeueLostHandover(task: TaskSnapshot): Promise<TaskSnapshot> {
      await tasks.requeueLostHandover(task.task_id);
      return present(task);
    },
    async timeOutTask(task: TaskSnapshot): Promise<TaskSnapshot> {
      await tasks.timeOut(task.task_id);
      return present(task);
    },
  });

  /** A task that was deleted with its agent has ended. */
  async function present(task: TaskSnapshot): Promise<TaskSnapshot> {
    const [snapshot] = await tasks.snapshots([task.task_id]);
    return (
      snapshot ?? { ...task, status: 'CANCELLED', version: task.version + 1, due_in_ms: null, due_at: null }
    );
  }
}
