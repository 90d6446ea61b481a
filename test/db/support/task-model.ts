import type { TaskStatus } from '../../../contracts/agent-task/states.ts';

export interface ModelTask {
  readonly id: string;
  readonly agent: number;
  readonly maxRetries: number;
  readonly timeoutSeconds: number;
  status: TaskStatus;
  retries: number;
  handovers: number;
  assignedAt: number;
  startedAt: number;
  /** An undelivered item lies in the offline queue. */
  queued: boolean;
  deleted: boolean;
  /** `before>after` of every change, in order. */
  readonly changes: string[];
  /** The version that the outbox holds, and when it may be told; undefined when the workflow knows. */
  outbox: { version: number; dueAt: number } | undefined;
}

export interface ModelAgent {
  readonly id: string;
  status: 'UNKNOWN' | 'ONLINE' | 'OFFLINE';
  heardAt: number;
  gone: 'revoked' | 'deleted' | undefined;
}

const HAND_OVER_SECONDS = 120;
const OFFLINE_SECONDS = 300;
const COALESCE_SECONDS = 2;

/** What the rules of tasks and agents say, in a few lines and without a database. Times are in seconds. */
export class TaskModel {
  readonly agents: ModelAgent[];
  readonly tasks: ModelTask[] = [];
  clock = 0;

  constructor(agentIds: readonly string[]) {
    this.agents = agentIds.map((id) => ({ id, status: 'UNKNOWN', heardAt: 0, gone: undefined }));
  }

  create(id: string, agent: number, maxRetries: number, timeoutSeconds: number): void {
    this.tasks.push({
      id,
      agent,
      maxRetries,
      timeoutSeconds,
      status: 'PENDING',
      retries: 0,
      handovers: 0,
      assignedAt: 0,
      startedAt: 0,
      queued: this.agents[agent]?.status !== 'ONLINE',
      deleted: false,
      changes: ['>PENDING'],
      outbox: { version: 1, dueAt: this.clock },
    });
  }

  /** @returns the ids handed over, in order; undefined when the agent is turned away */
  heartbeat(agent: ModelAgent): string[] | undefined {
    if (agent.gone !== undefined) return undefined;
    agent.status = 'ONLINE';
    agent.heardAt = this.clock;
    const next = this.#of(agent)
      .filter((task) => task.status === 'PENDING')
      .slice(0, 10);
    for (const task of next) {
      this.#move(task, 'ASSIGNED', COALESCE_SECONDS);
      task.assignedAt = this.clock;
      task.handovers += 1;
      task.queued = false;
    }
    return next.map((task) => task.id);
  }

  /** @returns the answer that the agent must get */
  word(task: ModelTask, word: 'start' | 'progress' | 'complete' | 'fail', speaker: ModelAgent): string {
    if (task.deleted || this.agents[task.agent] !== speaker) return 'not_found';
    const startable = task.status === 'ASSIGNED' || (task.status === 'PENDING' && task.handovers > 0);
    const to = (
      { start: 'IN_PROGRESS', progress: undefined, complete: 'COMPLETED', fail: 'FAILED' } as const
    )[word];
    if (word === 'start' ? startable : task.status === 'IN_PROGRESS') {
      if (to === undefined) return 'taken';
      if (word === 'start') {
        task.startedAt = this.clock;
        task.queued = false;
      }
      this.#move(task, to, 0);
      return 'taken';
    }
    return task.status === to ? 'repeated' : 'refused';
  }

  cancel(task: ModelTask): string {
    if (task.deleted) return 'not_found';
    if (!isOpen(task)) return task.status === 'CANCELLED' ? 'repeated' : 'refused';
    this.#move(task, 'CANCELLED', 0);
    task.queued = false;
    return 'cancelled';
  }

  handOverTimer(task: ModelTask): void {
    if (task.deleted || task.status !== 'ASSIGNED' || this.clock < task.assignedAt + HAND_OVER_SECONDS)
      return;
    if (task.retries >= task.maxRetries) {
      this.#move(task, 'FAILED', undefined);
      return;
    }
    task.retries += 1;
    this.#move(task, 'PENDING', undefined);
    task.queued = this.agents[task.agent]?.status !== 'ONLINE';
  }

  timeoutTimer(task: ModelTask): void {
    if (task.deleted || task.status !== 'IN_PROGRESS' || this.clock < task.startedAt + task.timeoutSeconds)
      return;
    this.#move(task, 'TIMEOUT', undefined);
  }

  /** @returns how many agents go OFFLINE */
  expire(): number {
    const due = this.agents.filter(
      (agent) =>
        agent.gone === undefined &&
        agent.status === 'ONLINE' &&
        this.clock >= agent.heardAt + OFFLINE_SECONDS,
    );
    for (const agent of due) {
      agent.status = 'OFFLINE';
      for (const task of this.#of(agent)) {
        if (task.status === 'ASSIGNED') this.#move(task, 'PENDING', 0);
        if (task.status === 'PENDING') task.queued = true;
      }
    }
    return due.length;
  }

  end(agent: ModelAgent, how: 'revoked' | 'deleted'): void {
    if (agent.gone === 'deleted' || agent.gone === how) return;
    agent.gone = how;
    agent.status = 'OFFLINE';
    for (const task of this.#of(agent)) {
      if (isOpen(task)) {
        this.#move(task, 'CANCELLED', 0);
        task.queued = false;
      }
      if (how === 'deleted') task.deleted = true;
    }
  }

  /** The relay tells what is due, or fails and tries again a second later. @returns how many were due */
  relay(reached: boolean): number {
    const due = this.tasks.filter((task) => task.outbox !== undefined && task.outbox.dueAt <= this.clock);
    for (const task of due) {
      if (reached) task.outbox = undefined;
      else if (task.outbox !== undefined) task.outbox.dueAt = this.clock + 1;
    }
    return due.length;
  }

  #of(agent: ModelAgent): ModelTask[] {
    return this.tasks.filter((task) => !task.deleted && this.agents[task.agent] === agent);
  }

  /** @param tellAfter seconds after which the workflow is told; undefined when it is the workflow that moves */
  #move(task: ModelTask, to: TaskStatus, tellAfter: number | undefined): void {
    task.changes.push(`${task.status}>${to}`);
    task.status = to;
    if (tellAfter === undefined) return;
    const dueAt = Math.min(task.outbox?.dueAt ?? Number.POSITIVE_INFINITY, this.clock + tellAfter);
    task.outbox = { version: task.changes.length, dueAt };
  }
}

export function isOpen(task: ModelTask): boolean {
  return ['PENDING', 'ASSIGNED', 'IN_PROGRESS'].includes(task.status);
}
