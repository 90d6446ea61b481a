import { AGENT_STATUSES, type Agent, agentSchema, PLATFORMS } from '../../contracts/agent/agent.ts';
import { Choice, Field, Filters } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Status, Time } from '../components/parts.tsx';
import { Pager, Table } from '../components/table.tsx';
import { may } from '../may.ts';
import { pick } from '../query.ts';
import type { AddPages } from '../types.ts';
import { AGENT_FILTERS, TaskForFitting } from './agent-tasks.tsx';

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
    const query = pick(c, AGENT_FILTERS);
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
              <>
                <form id="selection" method="post" action={`${PATH}/tasks/new`} class="actions">
                  <label class="check">
                    <input type="checkbox" data-selects="agent_ids" /> All on this page
                  </label>
                  <button type="submit">Task for the selected agents…</button>
                </form>
                <TaskForFitting query={query} />
              </>
            ) : null}
          </>
        )}
        <Pager path={PATH} query={query} next={page.next_cursor} />
      </Page>,
    );
  });
};
