import {
  AGENT_STATUSES,
  type FleetHistory,
  fleetHistorySchema,
  fleetSummarySchema,
  PLATFORMS,
} from '../../contracts/agent/agent.ts';
import { alertSchema } from '../../contracts/agent-presence/alert.ts';
import { auditEventSchema } from '../../contracts/audit/audit.ts';
import { type Api, withQuery } from '../api.ts';
import { Bars, Chart } from '../components/chart.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Section, Status, Time } from '../components/parts.tsx';
import { Table } from '../components/table.tsx';
import type { LiveTopic } from '../live/hub.ts';
import type { AddPages } from '../types.ts';

const SHOWN_VERSIONS = 8;
const RECENT = 200;
const SHOWN = 10;
const HISTORY_HOURS = 24;
const CHARTED_VERSIONS = 3;

const agents = (query: Record<string, string>) => withQuery('/console/agents', query);

/** Everything on the page that changes by itself. */
async function fleet(api: Api) {
  const [summary, history, alerts, changes] = await Promise.all([
    api.get('/fleet/summary', fleetSummarySchema),
    api.get('/fleet/history', fleetHistorySchema, { hours: HISTORY_HOURS }),
    api.page('/alerts', alertSchema, { open: true, limit: SHOWN }),
    api.page('/audit-events', auditEventSchema, { action: 'agent.status', limit: RECENT }),
  ]);
  if (summary.total === 0) return <FirstSteps />;
  const versions = Object.entries(summary.by_agent_version).sort(([, a], [, b]) => b - a);
  const lost = changes.items.filter(({ after }) => after?.['status'] === 'OFFLINE').slice(0, SHOWN);
  return (
    <>
      <div class="grid-of">
        <div class="card">
          <div>Agents</div>
          <div class="big">{summary.total.toLocaleString('en')}</div>
          <a href="/console/agents">See all</a>
        </div>
        <Bars
          title="Status"
          counts={AGENT_STATUSES.map((status) => [status, summary.by_status[status] ?? 0])}
          link={(status) => agents({ status })}
        />
        <Bars
          title="Platform"
          counts={Object.entries(summary.by_platform)}
          link={(platform) => agents({ platform })}
        />
        <Bars
          title={
            versions.length > SHOWN_VERSIONS
              ? `Agent version (${SHOWN_VERSIONS} of ${versions.length})`
              : 'Agent version'
          }
          counts={versions.slice(0, SHOWN_VERSIONS)}
          link={(agent_version) => agents({ agent_version })}
        />
      </div>
      <History history={history} versions={versions.slice(0, CHARTED_VERSIONS).map(([name]) => name)} />
      <Section title="Open alerts">
        {alerts.items.length === 0 ? (
          <Empty>
            None. An agent with the tag <code>critical</code> raises one when it goes offline.
          </Empty>
        ) : (
          <Table
            caption="Open alerts"
            rows={alerts.items}
            columns={[
              {
                name: 'Agent',
                cell: (alert) => <a href={`/console/agents/${alert.agent_id}`}>{alert.hostname}</a>,
              },
              { name: 'Since', cell: (alert) => <Time at={alert.opened_at} /> },
              { name: 'Delivery', cell: (alert) => <Status of={alert.delivery} /> },
            ]}
          />
        )}
      </Section>
      <Section title="Went offline lately">
        {lost.length === 0 ? (
          <Empty>None of the last {RECENT} changes of status was a loss.</Empty>
        ) : (
          <Table
            caption="Agents that went offline lately"
            rows={lost}
            columns={[
              {
                name: 'Agent',
                cell: (event) => <a href={`/console/agents/${event.object_id}`}>{event.object_id}</a>,
              },
              { name: 'At', cell: (event) => <Time at={event.at} /> },
            ]}
          />
        )}
      </Section>
    </>
  );
}

/** Each kind as a chart of its own, all to one scale. */
function History({ history, versions }: { history: FleetHistory; versions: readonly string[] }) {
  const charts = [
    ...AGENT_STATUSES.map((status) => [status, 'by_status', status] as const),
    ...PLATFORMS.map((platform) => [platform, 'by_platform', platform] as const),
    ...versions.map((version) => [`Version ${version}`, 'by_agent_version', version] as const),
  ];
  const max = Math.max(
    1,
    ...history.items.map(({ by_status }) => Object.values(by_status).reduce((sum, count) => sum + count, 0)),
  );
  return (
    <Section title={`Over the last ${HISTORY_HOURS} hours`}>
      <div class="grid-of small">
        {charts.map(([title, by, key]) => (
          <Chart
            title={title}
            unit=""
            max={max}
            points={history.items.map((sample) => ({
              at: Date.parse(sample.at),
              value: (sample[by] as Record<string, number>)[key] ?? 0,
            }))}
          />
        ))}
      </div>
    </Section>
  );
}

function FirstSteps() {
  return (
    <div class="card">
      <p>No agent has enrolled yet.</p>
      <ol>
        <li>
          Make an enrolment token under <a href="/console/settings">Settings</a>.
        </li>
        <li>Install the agent on a machine and enrol it with that token.</li>
        <li>It shows here with its first heartbeat.</li>
      </ol>
    </div>
  );
}

export const fleetTopic: LiveTopic = {
  concerns: ({ object_type }) => object_type === 'agent' || object_type === 'alert',
  render: async (api) => String(await fleet(api)),
};

export const addFleet: AddPages = (app) => {
  app.get('/console', async (c) =>
    c.html(
      <Page title="Fleet" section="/console" operator={c.var.operator} live={['fleet']}>
        <div data-topic="fleet">{await fleet(c.var.api)}</div>
      </Page>,
    ),
  );
};
