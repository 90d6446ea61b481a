import type { Command } from 'commander';
import { z } from 'zod';
import { isFinal } from '../../contracts/agent-task/states.ts';
import { type Task, taskSchema } from '../../contracts/agent-task/task.ts';
import type { Api } from '../client/api.ts';
import { CliError, type ExitReason } from '../client/errors.ts';
import type { Io } from '../client/io.ts';
import { TaskView } from '../output/task-view.ts';
import { argumentOf, type Runtime } from './context.ts';
import { duration, id, option } from './values.ts';

const SHORTEST_MS = 500;
const LONGEST_MS = 5_000;
const DEFAULT_PATIENCE_SECONDS = 120;

const watchOptions = z.object({ patience: z.number().default(DEFAULT_PATIENCE_SECONDS) });

export function addTaskWatch(tasks: Command, runtime: Runtime): void {
  const watch = tasks
    .command('watch')
    .argument('<id>', 'of the task', id)
    .addOption(option('--patience <span>', 'outage of the platform that is borne (default: 2m)', duration))
    .description('follow a task until it ends; status 0 when it ended as COMPLETED, 4 otherwise');
  runtime.act(watch, watchOptions, async ({ api, io, out }, { patience }, args) => {
    const view = new TaskView(io, out);
    const task = await follow(io, await api(), argumentOf(args), patience * 1_000, view).finally(() =>
      view.end(),
    );
    if (task.status === 'COMPLETED') return;
    throw new CliError('unsuccessful', {
      title: `The task ended as ${task.status}`,
      detail: task.error_message ?? undefined,
      hint: `eucora tasks show ${task.id} tells more; eucora tasks retry ${task.id} creates it anew.`,
      correlation_id: task.correlation_id,
    });
  });
}

/** Asks again and again, less often while nothing changes, until the task is final. */
async function follow(io: Io, api: Api, taskId: string, patienceMs: number, view: TaskView): Promise<Task> {
  let pause = SHORTEST_MS;
  let lostSince: number | undefined;
  for (;;) {
    try {
      const task = await api.get(`/tasks/${taskId}`, taskSchema);
      lostSince = undefined;
      if (view.show(task)) pause = SHORTEST_MS;
      if (isFinal(task.status)) return task;
    } catch (error) {
      if (!isOutage(error)) throw error;
      lostSince ??= io.now();
      if (io.now() - lostSince >= patienceMs) throw error;
      view.lost();
    }
    await io.sleep(pause);
    pause = Math.min(pause * 1.5, LONGEST_MS);
  }
}

const OUTAGE: ExitReason = 'unavailable';
const isOutage = (error: unknown): boolean => error instanceof CliError && error.reason === OUTAGE;
