import { TASK_STATUSES, TASK_TYPES } from '../../contracts/agent-task/states.ts';
import { type Task, taskSchema } from '../../contracts/agent-task/task.ts';
import { Choice, Field, Filters } from '../components/form.tsx';
import { Id } from '../components/id.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Status, Time } from '../components/parts.tsx';
import { Pager, Table } from '../components/table.tsx';
import { pick } from '../query.ts';
import type { AddPages } from '../types.ts';

const PATH = '/console/tasks';
const FILTERS = ['status', 'task_type', 'agent_id', 'correlation_id'] as const;

export function TaskTable({ tasks }: { tasks: readonly Task[] }) {
  return (
    <Table
      caption="Tasks"
      rows={tasks}
      columns={[
        { name: 'Task', cell: (task) => <a href={`${PATH}/${task.id}`}>{task.task_type}</a> },
        { name: 'Status', cell: (task) => <Status of={task.status} /> },
        { name: 'Agent', cell: (task) => <Id of={task.agent_id} path="/console/agents" />, wide: true },
        { name: 'Error', cell: (task) => (task.error_message ?? '').slice(0, 120), wide: true },
        { name: 'Created', cell: (task) => <Time at={task.created_at} /> },
        { name: 'By', cell: (task) => task.created_by, wide: true },
      ]}
    />
  );
}

export const addTasks: AddPages = (app) => {
  app.get(PATH, async (c) => {
    const query = pick(c, FILTERS);
    const page = await c.var.api.page('/tasks', taskSchema, query);
    const created = Number(c.req.query('created'));
    return c.html(
      <Page title="Tasks" section={PATH} operator={c.var.operator}>
        {Number.isInteger(created) && created > 0 ? (
          <p class="notice" role="status">
            {created === 1 ? 'One task was created.' : `${created} tasks were created.`}
          </p>
        ) : null}
        <Filters path={PATH} query={query}>
          <Choice name="status" label="Status" options={TASK_STATUSES} value={query['status']} />
          <Choice name="task_type" label="Type" options={TASK_TYPES} value={query['task_type']} />
          <Field name="agent_id" label="Agent id" value={query['agent_id']} />
          <Field name="correlation_id" label="Correlation id" value={query['correlation_id']} />
        </Filters>
        {page.items.length === 0 ? (
          <Empty>
            No task fits. Select agents under <a href="/console/agents">Agents</a> to give them one.
          </Empty>
        ) : (
          <TaskTable tasks={page.items} />
        )}
        <Pager path={PATH} query={query} next={page.next_cursor} />
      </Page>,
    );
  });
};
