import { type Agent, agentSchema, type Tags } from '../../contracts/agent/agent.ts';
import { taskSchema } from '../../contracts/agent-task/task.ts';
import { auditEventSchema } from '../../contracts/audit/audit.ts';
import {
  deploymentStatusSchema,
  installedSoftwareSchema,
  type TelemetryHistory,
  telemetryHistorySchema,
} from '../../contracts/telemetry/telemetry.ts';
import type { Api } from '../api.ts';
import { Chart } from '../components/chart.tsx';
import { Act } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Facts, ProblemNote, Section, Status, Time } from '../components/parts.tsx';
import { Table } from '../components/table.tsx';
import type { LiveTopic } from '../live/hub.ts';
import { may } from '../may.ts';
import { ApiProblem } from '../problem.ts';
import { fields } from '../query.ts';
import type { AddPages } from '../types.ts';
import { Certificates } from './agent-certificates.tsx';
import { AuditTable } from './audit.tsx';
import { TaskTable } from './tasks.tsx';

const PATH = '/console/agents';
const SPANS = { '6h': 6, '24h': 24, '7d': 168, '28d': 672 } as const;
type Span = keyof typeof SPANS;
const SHOWN = 10;
const SHOWN_SOFTWARE = 500;

const Identity = ({ agent }: { agent: Agent }) => (
  <Facts
    entries={[
      ['Status', <Status of={agent.revoked_at === null ? agent.status : 'REVOKED'} />],
      ['Last heartbeat', <Time at={agent.last_heartbeat_at} none="never" />],
      ['Last error', agent.last_error],
      ['Platform', `${agent.platform} ${agent.platform_version}`],
      ['Agent version', agent.agent_version],
      ['Processor cores', agent.cpu_cores],
      ['Memory', agent.memory_mb === null ? null : `${agent.memory_mb} MiB`],
      ['Disk', agent.disk_gb === null ? null : `${agent.disk_gb} GiB`],
      ['IP address', agent.ip_address],
      ['MAC address', agent.mac_address],
      ['Enrolled', <Time at={agent.first_seen_at} />],
      ['Agent id', <code>{agent.id}</code>],
      ...(agent.cloned_from === null
        ? []
        : [['Cloned from', <a href={`${PATH}/${agent.cloned_from}`}>{agent.cloned_from}</a>] as const]),
    ]}
  />
);

async function recentTasks(api: Api, id: string) {
  const { items } = await api.page('/tasks', taskSchema, { agent_id: id, limit: SHOWN });
  return items.length === 0 ? <Empty>It has had no task.</Empty> : <TaskTable tasks={items} />;
}

export const agentTopic: LiveTopic = {
  concerns: ({ object_id, object_type }, id) => object_id === id && object_type === 'agent',
  render: async (api, id) =>
    String(<Identity agent={await api.get(`/agents/${encodeURIComponent(id)}`, agentSchema)} />),
};

type History = TelemetryHistory['items'];

function Plots({ history }: { history: History }) {
  const points = (field: 'cpu_percent' | 'memory_percent' | 'disk_percent') =>
    history.flatMap((span) => {
      const value = span[field];
      if (value === null) return [];
      return [{ at: Date.parse(span.at), value, peak: span[`${field}_max`] ?? value }];
    });
  return (
    <div class="grid-of">
      <Chart title="CPU" unit="%" max={100} points={points('cpu_percent')} />
      <Chart title="Memory" unit="%" max={100} points={points('memory_percent')} />
      <Chart title="Disk" unit="%" max={100} points={points('disk_percent')} />
    </div>
  );
}

async function software(api: Api, id: string) {
  try {
    const { collected_at, software: list } = await api.get(`/agents/${id}/software`, installedSoftwareSchema);
    return (
      <details>
        <summary>
          {list.length === 1 ? 'One package' : `${list.length} packages`}, as of <Time at={collected_at} />
        </summary>
        {list.length > SHOWN_SOFTWARE ? <p>The first {SHOWN_SOFTWARE}; the API gives all.</p> : null}
        <Table
          caption="Installed software"
          rows={list.slice(0, SHOWN_SOFTWARE)}
          columns={[
            { name: 'Name', cell: (item) => item.name },
            { name: 'Version', cell: (item) => item.version },
            { name: 'Publisher', cell: (item) => item.publisher ?? '', wide: true },
            { name: 'Installed', cell: (item) => item.installed_on ?? '', wide: true },
          ]}
        />
      </details>
    );
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.problem.status !== 404) throw error;
    return <Empty>The agent has not yet told what is installed.</Empty>;
  }
}

/** `name=value` a line; true, false and numbers are kept as such. */
export function parseTags(text: string): Tags {
  const tags: Tags = {};
  for (const line of text.split(/\r?\n/).map((one) => one.trim())) {
    if (line === '') continue;
    const at = line.indexOf('=');
    const [name, value] = at < 0 ? [line, 'true'] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    tags[name] =
      value === 'true'
        ? true
        : value === 'false'
          ? false
          : /^-?\d{1,15}$/.test(value)
            ? Number(value)
            : value;
  }
  return tags;
}

const tagLines = (agent: Agent): string =>
  Object.entries(agent.tags)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join('\n');

function TagForm({ agent, lines }: { agent: Agent; lines: string }) {
  return (
    <form method="post" action={`${PATH}/${agent.id}/tags`} class="stack">
      <label>
        <span>
          One <code>name=value</code> a line
        </span>
        <textarea name="tags" rows={4} spellcheck={false}>
          {lines}
        </textarea>
      </label>
      <button type="submit">Save tags</button>
    </form>
  );
}

export const addAgent: AddPages = (app) => {
  app.get(`${PATH}/:id{[0-9a-f-]{36}}`, async (c) => {
    const { api, operator } = c.var;
    const id = c.req.param('id');
    const asked = c.req.query('span') ?? '24h';
    const span: Span = Object.hasOwn(SPANS, asked) ? (asked as Span) : '24h';
    const agent = await api.get(`/agents/${id}`, agentSchema);
    const [tasks, history, packages, deployments, audit] = await Promise.all([
      recentTasks(api, id),
      api.get(`/agents/${id}/telemetry/history`, telemetryHistorySchema, { hours: SPANS[span] }),
      software(api, id),
      api.page('/deployment-statuses', deploymentStatusSchema, { agent_id: id, limit: SHOWN }),
      api.page('/audit-events', auditEventSchema, { object_id: id, limit: SHOWN }),
    ]);
    const canAct = may(operator, 'operator');
    return c.html(
      <Page title={agent.hostname} section={PATH} operator={operator} live={[`agent:${id}`]}>
        <div class="card" data-topic={`agent:${id}`}>
          <Identity agent={agent} />
        </div>
        {canAct ? (
          <div class="actions">
            {agent.revoked_at === null ? <Act action={`${PATH}/${id}/revoke`} label="Revoke" danger /> : null}
            {may(operator, 'admin') ? <Act action={`${PATH}/${id}/delete`} label="Delete" danger /> : null}
          </div>
        ) : null}
        <Section title="Telemetry" id="telemetry">
          <nav class="pager" aria-label="Time span">
            {(Object.keys(SPANS) as Span[]).map((name) => (
              <a
                href={`${PATH}/${id}?span=${name}#telemetry`}
                aria-current={name === span ? 'true' : undefined}
              >
                {name}
              </a>
            ))}
          </nav>
          <Plots history={history.items} />
        </Section>
        <Section title="Tasks">{tasks}</Section>
        <Section title="Deployments">
          {deployments.items.length === 0 ? (
            <Empty>None was reported.</Empty>
          ) : (
            <Table
              caption="Deployments"
              rows={deployments.items}
              columns={[
                { name: 'Package', cell: (item) => `${item.package_name} ${item.package_version}` },
                { name: 'Status', cell: (item) => <Status of={item.status} /> },
                { name: 'Error', cell: (item) => item.error ?? '', wide: true },
                { name: 'At', cell: (item) => <Time at={item.reported_at} /> },
              ]}
            />
          )}
        </Section>
        <Section title="Tags">
          {canAct ? (
            <TagForm agent={agent} lines={tagLines(agent)} />
          ) : (
            <pre class="json">{tagLines(agent) || 'none'}</pre>
          )}
        </Section>
        <Section title="Installed software">{packages}</Section>
        <Section title="Certificate" id="certificate">
          <Certificates api={api} agentId={id} />
        </Section>
        <Section title="Audit">
          <AuditTable events={audit.items} />
          <a href={`/console/audit?object_id=${id}`}>All of its events</a>
        </Section>
      </Page>,
    );
  });

  app.post(`${PATH}/:id/tags`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    const { tags = '' } = await fields(c);
    try {
      await c.var.api.patch(`/agents/${id}`, agentSchema, { tags: parseTags(tags) });
      return c.redirect(`${PATH}/${id}`, 303);
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.problem.status !== 422) throw error;
      const agent = await c.var.api.get(`/agents/${id}`, agentSchema);
      return c.html(
        <Page title={agent.hostname} section={PATH} operator={c.var.operator}>
          <ProblemNote problem={error.problem} />
          <TagForm agent={agent} lines={tags} />
        </Page>,
        422,
      );
    }
  });
};
