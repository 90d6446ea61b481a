import { AGENT_STATUSES, type Agent, agentSchema, PLATFORMS } from '../../contracts/agent/agent.ts';
import { createdTasksSchema } from '../../contracts/agent-task/task.ts';
import { Choice, Field, Filters } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty, ProblemNote, Status, Time } from '../components/parts.tsx';
import { Pager, Table } from '../components/table.tsx';
import { may } from '../may.ts';
import { ApiProblem } from '../problem.ts';
import { fields, pick, values } from '../query.ts';
import type { AddPages } from '../types.ts';
import { parseTaskForm, TaskFields } from './task-form.tsx';

const FILTERS = ['hostname', 'platform', 'status', 'tag', 'agent_version'] as const;
const PATH = '/console/agents';

const columns = (selectable: boolean) => [
  ...(selectable
    ? [
        {
          name: 'Select',
          cell: (agent: Agent) => (
            <input
              type="checkbox"
              name="agent_ids"
              value={agent.id}
              form="selection"
              aria-label={`Select ${agent.hostname}`}
            />
          ),
        },
      ]
    : []),
  { name: 'Hostname', cell: (agent: Agent) => <a href={`${PATH}/${agent.id}`}>{agent.hostname}</a> },
  {
    name: 'Status',
    cell: (agent: Agent) => <Status of={agent.revoked_at === null ? agent.status : 'REVOKED'} />,
  },
  { name: 'Platform', cell: (agent: Agent) => `${agent.platform} ${agent.platform_version}` },
  { name: 'Agent', cell: (agent: Agent) => agent.agent_version, wide: true },
  { name: 'Last heartbeat', cell: (agent: Agent) => <Time at={agent.last_heartbeat_at} none="never" /> },
  {
    name: 'Tags',
    wide: true,
    cell: (agent: Agent) =>
      Object.entries(agent.tags)
        .map(([name, value]) => (value === true ? name : `${name}=${String(value)}`))
        .join(', '),
  },
];

export const addAgents: AddPages = (app) => {
  app.get(PATH, async (c) => {
    const query = pick(c, FILTERS);
    const page = await c.var.api.page('/agents', agentSchema, query);
    const canAct = may(c.var.operator, 'operator');
    return c.html(
      <Page title="Agents" section={PATH} operator={c.var.operator}>
        <Filters path={PATH} query={query}>
          <Field name="hostname" label="Hostname holds" value={query['hostname']} />
          <Choice name="platform" label="Platform" options={PLATFORMS} value={query['platform']} />
          <Choice name="status" label="Status" options={AGENT_STATUSES} value={query['status']} />
          <Field name="tag" label="Tag" value={query['tag']} hint="site=zurich" />
          <Field name="agent_version" label="Agent version" value={query['agent_version']} />
        </Filters>
        {page.items.length === 0 ? (
          <Empty>
            No agent on this page fits.{' '}
            {Object.keys(query).length === 0 ? (
              <a href="/console">What to do first</a>
            ) : (
              <a href={PATH}>Show all</a>
            )}
          </Empty>
        ) : (
          <>
            <Table caption="Agents" rows={page.items} columns={columns(canAct)} />
            {canAct ? (
              <form id="selection" method="post" action={`${PATH}/tasks/new`} class="actions">
                <label class="check">
                  <input type="checkbox" data-selects="agent_ids" /> All on this page
                </label>
                <button type="submit">Task for the selected agents…</button>
              </form>
            ) : null}
          </>
        )}
        <Pager path={PATH} query={query} next={page.next_cursor} />
      </Page>,
    );
  });

  app.post(`${PATH}/tasks/new`, async (c) => {
    const ids = await values(c, 'agent_ids');
    return c.html(
      <Page title="New task" section={PATH} operator={c.var.operator}>
        {ids.length === 0 ? (
          <Empty>
            No agent was selected. <a href={PATH}>Back to the agents</a>
          </Empty>
        ) : (
          <NewTask ids={ids} />
        )}
      </Page>,
    );
  });

  app.post(`${PATH}/tasks`, async (c) => {
    const ids = await values(c, 'agent_ids');
    const form = await fields(c);
    try {
      const { count, correlation_id } = await c.var.api.post('/tasks/bulk', createdTasksSchema, {
        selection: { agent_ids: ids },
        ...parseTaskForm(form),
      });
      return c.redirect(
        `/console/tasks?correlation_id=${encodeURIComponent(correlation_id)}&created=${count}`,
        303,
      );
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.problem.status === 401) throw error;
      return c.html(
        <Page title="New task" section={PATH} operator={c.var.operator}>
          <ProblemNote problem={error.problem} />
          <NewTask ids={ids} form={form} />
        </Page>,
        error.problem.status as 422,
      );
    }
  });
};

function NewTask({ ids, form = {} }: { ids: readonly string[]; form?: Record<string, string> }) {
  return (
    <form method="post" action={`${PATH}/tasks`}>
      <p>
        For <strong>{ids.length === 1 ? 'one agent' : `${ids.length} agents`}</strong>. Each gets a task of
        its own.
      </p>
      {ids.map((id) => (
        <input type="hidden" name="agent_ids" value={id} />
      ))}
      <TaskFields form={form} />
      <div class="actions">
        <button type="submit">{`Create ${ids.length === 1 ? 'the task' : `${ids.length} tasks`}`}</button>
        <a class="button" href={PATH}>
          Cancel
        </a>
      </div>
    </form>
  );
}
