import { z } from 'zod';
import { type Agent, agentSchema } from '../../contracts/agent/agent.ts';
import type { TaskType } from '../../contracts/agent-task/states.ts';
import { type Task, taskSchema } from '../../contracts/agent-task/task.ts';
import type { Api } from '../client/api.ts';
import type { RunningPlatform } from '../platform/start.ts';
import type { AgentProcess } from './agent-process.ts';
import { DemoError, type Teller, until } from './teller.ts';

const FINAL = new Set(['COMPLETED', 'FAILED', 'TIMEOUT', 'CANCELLED']);
const TASK_MS = 90_000;

/** What the steps of the demo share. */
export class Scene {
  readonly api: Api;
  readonly platform: RunningPlatform;
  readonly agent: AgentProcess;
  readonly teller: Teller;
  readonly signal: AbortSignal;
  /** Folder for what the demo makes. */
  readonly folder: string;
  /** Packages go into the system (as root) or into a root of the agent's own. */
  readonly installRoot: string | undefined;
  #agentId: string | undefined;

  constructor(
    parts: Pick<Scene, 'api' | 'platform' | 'agent' | 'teller' | 'signal' | 'folder' | 'installRoot'>,
  ) {
    this.api = parts.api;
    this.platform = parts.platform;
    this.agent = parts.agent;
    this.teller = parts.teller;
    this.signal = parts.signal;
    this.folder = parts.folder;
    this.installRoot = parts.installRoot;
  }

  get agentId(): string {
    if (this.#agentId === undefined) throw new DemoError('there is no agent: it did not enrol');
    return this.#agentId;
  }

  get hasAgent(): boolean {
    return this.#agentId !== undefined;
  }

  enrolled(agentId: string): void {
    this.#agentId = agentId;
  }

  readAgent(): Promise<Agent> {
    return this.api.get(`/agents/${this.agentId}`, agentSchema);
  }

  agentBecomes(status: Agent['status'], timeoutMs: number): Promise<Agent> {
    return until(`the agent becomes ${status}`, timeoutMs, this.signal, async () => {
      const agent = await this.readAgent();
      return agent.status === status ? agent : undefined;
    });
  }

  createTask(task_type: TaskType, payload: Record<string, unknown>): Promise<Task> {
    const request = { agent_id: this.agentId, task_type, payload, timeout_seconds: 120 };
    return this.api.post('/tasks', taskSchema, request, { repeatable: true });
  }

  taskEnds(id: string, timeoutMs = TASK_MS): Promise<Task> {
    let shown = '';
    return until(`task ${id} ends`, timeoutMs, this.signal, async () => {
      const task = await this.api.get(`/tasks/${id}`, taskSchema);
      const now = [task.status, task.progress_message].filter(Boolean).join(': ');
      if (now !== shown) this.teller.fact(now);
      shown = now;
      return FINAL.has(task.status) ? task : undefined;
    });
  }

  /** Gives the agent a task and follows it to the end that is expected. */
  async runTask(
    task_type: TaskType,
    payload: Record<string, unknown>,
    expected: Task['status'],
  ): Promise<Task> {
    const created = await this.createTask(task_type, payload);
    this.teller.fact(`${task_type} task ${created.id}`);
    const task = await this.taskEnds(created.id);
    if (task.status !== expected) {
      throw new DemoError(
        `it ended ${task.status} instead of ${expected}: ${task.error_message ?? 'no error was told'}`,
      );
    }
    return task;
  }
}

/** A part of a task's result, read with a schema. */
export function resultOf<T>(task: Task, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(task.result);
  if (!parsed.success) throw new DemoError(`the result is not as expected: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
