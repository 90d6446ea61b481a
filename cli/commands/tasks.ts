import type { Command } from 'commander';
import { TASK_STATUSES, TASK_TYPES } from '../../contracts/agent-task/states.ts';
import { offlineQueueItemSchema, taskSchema } from '../../contracts/agent-task/task.ts';
import { argumentOf, noOptions, type Runtime } from './context.ts';
import { asList } from './list.ts';
import { queueColumns, taskColumns, taskFields } from './task-columns.ts';
import { addTaskCreate } from './task-create.ts';
import { addTaskWatch } from './task-watch.ts';
import { correlationId, id, instant, oneOf, option } from './values.ts';

export function addTasks(program: Command, runtime: Runtime): void {
  const tasks = program.command('tasks').description('work for agents');
  const time = instant(runtime.io.now);
  addTaskCreate(tasks, runtime);

  asList(runtime, tasks.command('list').description('list tasks, newest first'), {
    path: '/tasks',
    item: taskSchema,
    columns: taskColumns,
    nothing: 'tasks',
    filters: [
      { option: option('--agent <id>', 'of this agent', id), key: 'agent_id' },
      { option: option('--status <status>', TASK_STATUSES.join(', '), oneOf(TASK_STATUSES)), key: 'status' },
      { option: option('--type <type>', TASK_TYPES.join(', '), oneOf(TASK_TYPES)), key: 'task_type' },
      { option: option('--correlation <id>', 'what belongs together', correlationId), key: 'correlation_id' },
      {
        option: option('--after <time>', 'created at or after it (time, date or 2h)', time),
        key: 'created_after',
      },
      { option: option('--before <time>', 'created before it', time), key: 'created_before' },
    ],
  });

  const show = tasks.command('show').argument('<id>', 'of the task', id).description('show one task');
  runtime.act(show, noOptions, async ({ api, out }, _options, args) => {
    const task = await (await api()).get(`/tasks/${argumentOf(args)}`, taskSchema);
    out.answer(task, () => out.fields(taskFields, task));
  });

  for (const [word, what] of [
    ['cancel', 'end a task that has not ended'],
    ['retry', 'create an ended task anew; the new task is shown'],
  ] as const) {
    const command = tasks.command(word).argument('<id>', 'of the task', id).description(what);
    runtime.act(command, noOptions, async ({ api, out }, _options, args) => {
      const task = await (await api()).post(`/tasks/${argumentOf(args)}/${word}`, taskSchema);
      out.answer(task, () => out.fields(taskFields, task));
    });
  }

  addTaskWatch(tasks, runtime);

  const queue = tasks.command('queue').description('the offline queue: tasks that wait for their agent');
  asList(runtime, queue, {
    path: '/offline-queue',
    item: offlineQueueItemSchema,
    columns: queueColumns,
    nothing: 'queued tasks',
    filters: [
      { option: option('--agent <id>', 'of this agent', id), key: 'agent_id' },
      { option: queue.createOption('--delivered', 'handed over'), key: 'delivered', value: true },
      {
        option: queue.createOption('--undelivered', 'still waiting').conflicts('delivered'),
        key: 'delivered',
        value: false,
      },
    ],
  });
}
