import type { Command } from 'commander';
import { z } from 'zod';
import { isFinal } from '../../contracts/agent-task/states.ts';
import { type Task, taskSchema } from '../../contracts/agent-task/task.ts';
import { CliError } from '../client/errors.ts';
import { TaskView } from '../output/task-view.ts';
import { argumentOf, type Runtime } from './context.ts';
import { follow } from './follow.ts';
import { duration, id, option } from './values.ts';

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
    const client = await api();
    const task = await follow<Task>(io, {
      read: () => client.get(`/tasks/${argumentOf(args)}`, taskSchema),
      show: (seen) => view.show(seen),
      ended: ({ status }) => isFinal(status),
      lost: () => view.lost(),
      patienceMs: patience * 1_000,
    }).finally(() => view.end());
    if (task.status === 'COMPLETED') return;
    throw new CliError('unsuccessful', {
      title: `The task ended as ${task.status}`,
      detail: task.error_message ?? undefined,
      hint: `eucora tasks show ${task.id} tells more; eucora tasks retry ${task.id} creates it anew.`,
      correlation_id: task.correlation_id,
    });
  });
}
