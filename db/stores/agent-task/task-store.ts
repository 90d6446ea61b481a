import type { TaskSnapshot } from '../../../contracts/agent-task/snapshot.ts';
import { isFinal, type TaskStatus } from '../../../contracts/agent-task/states.ts';
import type {
  CreateTask,
  CreateTasks,
  HandedOverTask,
  OfflineQueueItem,
  OfflineQueueQuery,
  Task,
  TaskListQuery,
} from '../../../contracts/agent-task/task.ts';
import type { Actor } from '../../../contracts/audit/audit.ts';
import type { Page } from '../../../contracts/http/common.ts';
import type { Database } from '../../database.ts';
import type { TaskRow } from '../../models/rows.ts';
import { type Creation, createTask, createTasks, type Origin } from './creation.ts';
import { listTasks } from './listing.ts';
import { moveTasks } from './move.ts';
import { listOfflineQueue } from './offline-queue.ts';
import { toHandedOverTask, toTask } from './records.ts';
import { readSnapshots, requeueLostHandover, type TaskTimers, timeOutTask } from './timers.ts';
import { type AgentWord, takeWord, type WordAnswer } from './words.ts';

export type CancelAnswer =
  | { kind: 'cancelled' | 'repeated'; task: Task }
  | { kind: 'refused'; status: TaskStatus }
  | { kind: 'not_found' };
export type RetryAnswer = Creation | { kind: 'not_found' } | { kind: 'not_final'; status: TaskStatus };

/** Tasks of agents. The row is the authority for a task's state; its workflow follows and holds the timers. */
export class TaskStore {
  readonly #database: Database;
  readonly #timers: TaskTimers;

  constructor(database: Database, timers: TaskTimers) {
    this.#database = database;
    this.#timers = timers;
  }

  create(request: CreateTask, origin: Origin): Promise<Creation> {
    return createTask(this.#database.pool, request, origin);
  }

  createForSelection(request: CreateTasks, origin: Origin, dryRun: boolean): Promise<number | 'too_many'> {
    return createTasks(this.#database.pool, request, origin, dryRun);
  }

  takeWord(taskId: string, agentId: string, word: AgentWord, correlationId: string): Promise<WordAnswer> {
    return takeWord(this.#database.pool, taskId, agentId, word, correlationId);
  }

  async cancel(taskId: string, actor: Actor, correlationId?: string): Promise<CancelAnswer> {
    const [cancelled] = await moveTasks(this.#database.pool, {
      word: 'cancel',
      actor,
      pick: 'SELECT id, status AS before_status FROM agent_task WHERE id = $3 FOR UPDATE',
      set: 'completed_at = now()',
      params: [taskId],
      tell: 'now',
      ...(correlationId === undefined ? {} : { correlationId }),
    });
    if (cancelled !== undefined) return { kind: 'cancelled', task: toTask(cancelled) };
    const present = await this.find(taskId);
    if (present === undefined) return { kind: 'not_found' };
    return present.status === 'CANCELLED'
      ? { kind: 'repeated', task: present }
      : { kind: 'refused', status: present.status };
  }

  /** A new task with the content of one that has ended. */
  async retry(taskId: string, origin: Origin): Promise<RetryAnswer> {
    const ended = await this.find(taskId);
    if (ended === undefined) return { kind: 'not_found' };
    if (!isFinal(ended.status)) return { kind: 'not_final', status: ended.status };
    return this.create(ended, { ...origin, retryOf: taskId });
  }

  requeueLostHandover(taskId: string): Promise<void> {
    return requeueLostHandover(this.#database.pool, taskId, this.#timers);
  }

  timeOut(taskId: string): Promise<void> {
    return timeOutTask(this.#database.pool, taskId);
  }

  snapshots(taskIds: readonly string[]): Promise<TaskSnapshot[]> {
    return readSnapshots(this.#database.pool, taskIds, this.#timers);
  }

  async find(taskId: string): Promise<Task | undefined> {
    const row = (await this.#database.models.task.findByPk(taskId, { raw: true })) as TaskRow | null;
    return row === null ? undefined : toTask(row);
  }

  list(query: TaskListQuery): Promise<Page<Task>> {
    return listTasks(this.#database.pool, query);
  }

  /** An agent's own tasks, newest first. */
  async listForAgent(
    agentId: string,
    query: { status?: TaskStatus | undefined; limit: number },
  ): Promise<HandedOverTask[]> {
    const rows = await this.#database.models.task.findAll({
      attributes: { exclude: ['result'] },
      where: { agent_id: agentId, ...(query.status === undefined ? {} : { status: query.status }) },
      order: [['id', 'DESC']],
      limit: query.limit,
      raw: true,
    });
    return (rows as unknown as TaskRow[]).map(toHandedOverTask);
  }

  offlineQueue(query: OfflineQueueQuery): Promise<Page<OfflineQueueItem>> {
    return listOfflineQueue(this.#database, query);
  }
}
