import { z } from 'zod';
import { AGENT_STATUSES, PLATFORMS } from '../../contracts/agent/agent.ts';
import type { TaskType } from '../../contracts/agent-task/states.ts';
import { createdTasksSchema, taskSchema } from '../../contracts/agent-task/task.ts';
import { usageError } from '../client/errors.ts';
import type { Context } from './context.ts';
import { type LocalFile, uploadFile } from './files.ts';
import { taskFields } from './task-columns.ts';

/** For whom a task is, and on what terms; the options that every `tasks create` takes. */
export const targetOptions = z.object({
  agent: z.array(z.string()).default([]),
  platform: z.enum(PLATFORMS).optional(),
  status: z.enum(AGENT_STATUSES).optional(),
  online: z.boolean().default(false),
  offline: z.boolean().default(false),
  tag: z.string().optional(),
  hostname: z.string().optional(),
  agentVersion: z.string().optional(),
  timeout: z.number().optional(),
  maxRetries: z.number().optional(),
  maxAgents: z.number().optional(),
  dryRun: z.boolean().default(false),
});
export type TargetOptions = z.infer<typeof targetOptions>;

export interface Work {
  readonly task_type: TaskType;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Uploaded before the task is created. */
  readonly file?: LocalFile | undefined;
}

export async function createTasks(context: Context, options: TargetOptions, work: Work): Promise<void> {
  const selection = selectionOf(options);
  const filters = Object.values(selection).filter((value) => value !== undefined).length;
  if (filters === 0) {
    throw usageError(
      'It is not said which agents the task is for',
      'Give --agent ID, or filters such as --tag.',
    );
  }
  const terms = {
    task_type: work.task_type,
    payload: work.payload,
    timeout_seconds: options.timeout,
    max_retries: options.maxRetries,
  };
  const all = { selection, max_agents: options.maxAgents, ...terms };
  const { out } = context;
  const api = await context.api();
  if (options.dryRun) {
    const query = { dry_run: true };
    const found = await api.post('/tasks/bulk', createdTasksSchema, all, { query });
    out.answer(
      { dry_run: true, ...found },
      () => `${agents(found.count)} would get a task; none was created.\n`,
    );
    return;
  }
  if (work.file !== undefined) {
    const artifact = await uploadFile(api, work.file);
    out.note(`Uploaded ${work.file.name}: ${artifact.sha256}`);
  }
  const [agentId] = options.agent;
  if (agentId !== undefined && options.agent.length === 1 && filters === 1) {
    const task = await api.post('/tasks', taskSchema, { agent_id: agentId, ...terms }, { repeatable: true });
    out.answer(task, () => out.fields(taskFields, task));
    return;
  }
  const created = await api.post('/tasks/bulk', createdTasksSchema, all);
  out.answer(created, () => `${agents(created.count)} got a task.\n`);
  out.note(`To see them: eucora tasks list --correlation ${created.correlation_id}`);
}

const agents = (count: number): string => (count === 1 ? '1 agent' : `${count} agents`);

function selectionOf(options: TargetOptions) {
  return {
    agent_ids: options.agent.length === 0 ? undefined : options.agent,
    platform: options.platform,
    status: options.status,
    is_online: options.online ? true : options.offline ? false : undefined,
    tag: options.tag,
    hostname: options.hostname,
    agent_version: options.agentVersion,
  };
}
