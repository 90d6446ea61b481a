import {
  AGENT_STATUSES,
  agentSchema,
  type FleetHistory,
  fleetHistorySchema,
  fleetSummarySchema,
  PLATFORMS,
} from '../../contracts/agent/agent.ts';
import { alertSchema } from '../../contracts/agent-presence/alert.ts';
import { type AuditEvent, auditEventSchema } from '../../contracts/audit/audit.ts';
import { type Api, withQuery } from '../api.ts';
import { Bars, Stack } from '../components/chart.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Section, Status, Time } from '../components/parts.tsx';
import { Table } from '../components/table.tsx';
import type { LiveTopic } from '../live/hub.ts';
import { ApiProblem } from '../problem.ts';
import type { AddPages } from '../types.ts';
import { concernsOf, Health } from './fleet-health.tsx';

const SHOWN_VERSIONS = 8;
const SHOWN = 10;
const HISTORY_HOURS = 24;
/** The most common ones have an area of their own; there are as many colours. */
const CHARTED_VERSIONS = 4;
const STATUS_TONES = { ONLINE: 'good', DEGRADED: 'warn', OFFLINE: 'bad', UNKNOWN: 'none' } as const;

const agents = (query: Record<string, string>) => withQuery('/console/agents', query);

/** Everything on the page that changes by itself. */
async function fleet(api: Api) {
  const [summary, history, alerts, losses, concerns] = await Promise.all([
    api.get('/fleet/summary', fleetSummarySchema),
    api.get('/fleet/history', fleetHistorySchema, { hours: HISTORY_HOURS }),
    api.page('/alerts', alertSchema, { open: true, limit: SHOWN }),
    api.page('/audit-events', auditEventSchema, { agent_status: 'OFFLINE', limit: SHOWN }),
    concernsOf(api),
  ]);
  if (summary.total === 0) return <FirstSteps />;
  const versions = Object.entries(summary.by_agent_version).sort(([, a], [, b]) => b - a);
  const lost = await withNames(api, losses.items);
  const { ONLINE, DEGRADED } = summary.by_status;
  const counts = { total: summary.total, online: ONLINE + DEGRADED, degraded: DEGRADED };
  return (
    <>
      <Health counts={counts} concerns={concerns} />
      <div class="grid-of">
        <div class="card">
          <div>Agents</div>
          <div class="big">{summary.total.toLocaleString('en')}</div>
          <a href="/console/agents">See all</a>
        </div>
        <Bars
          title="Status"
          counts={AGENT_STATUSES.map((status) => [status, summary.by_status[status]])}
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
      <History
        samples={[...history.items, { at: new Date().toISOString(), ...summary }]}
        versions={versions.slice(0, CHARTED_VERSIONS).map(([name]) => name)}
      />
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
          <Empty>No agent went offline.</Empty>
        ) : (
          <Table
            caption="Agents that went offline lately"
            rows={lost}
            columns={[
              {
                name: 'Agent',
                cell: ({ event, hostname }) => <a href={`/console/agents/${event.object_id}`}>{hostname}</a>,
              },
              { name: 'At', cell: ({ event }) => <Time at={event.at} /> },
              { name: 'Why', cell: ({ event }) => String(event.after?.['reason'] ?? ''), wide: true },
            ]}
          />
        )}
      </Section>
    </>
  );
}

/** With the agents' names; those deleted since have their ids only. */
function withNames(api: Api, events: readonly AuditEvent[]) {
  return Promise.all(
    events.map(async (event) => {
      const { hostname } = await api
        .get(`/agents/${event.object_id}`, agentSchema)
        .catch((error: unknown) => {
          if (error instanceof ApiProblem && error.problem.status === 404)
            return { hostname: event.object_id };
          throw error;
        });
      return { event, hostname };
    }),
  );
}

type Samples = FleetHistory['items'];

/** How the fleet was made up: by status, platform and version; the last sample is of now. */
function History({ samples, versions }: { samples: Samples; versions: readonly string[] }) {
  const times = samples.map((sample) => Date.parse(sample.at));
  const all = samples.map(({ by_status }) => sumOf(by_status));
  const common = versions.map((version) => valuesOf(samples, 'by_agent_version', version));
  const rest = all.map((sum, moment) => common.reduce((left, values) => left - (values[moment] ?? 0), sum));
  return (
    <Section title={`Over the last ${HISTORY_HOURS} hours`}>
      <div class="grid-of">
        <Stack
          title="By status"
          times={times}
          series={AGENT_STATUSES.map((status) => ({
            name: status,
            tone: STATUS_TONES[status],
            values: valuesOf(samples, 'by_status', status),
          }))}
        />
        <Stack
          title="By platform"
          times={times}
          series={PLATFORMS.map((platform, index) => ({
            name: platform,
            tone: `tone-${index + 1}`,
            values: valuesOf(samples, 'by_platform', platform),
          }))}
        />
        <Stack
          title="By agent version"
          times={times}
          series={[
            ...versions.map((version, index) => ({
              name: version,
              tone: `tone-${index + 1}`,
              values: common[index] ?? [],
            })),
            ...(rest.some((count) => count > 0) ? [{ name: 'others', tone: 'none', values: rest }] : []),
          ]}
        />
      </div>
    </Section>
  );
}

const sumOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

function valuesOf(samples: Samples, by: keyof Omit<Samples[number], 'at'>, key: string): number[] {
  return samples.map((sample) => (sample[by] as Readonly<Record<string, number>>)[key] ?? 0);
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

/** Whatever the first view counts. */
const TOPICS: ReadonlySet<string> = new Set(['agent', 'alert', 'incident', 'deployment']);

export const fleetTopic: LiveTopic = {
  concerns: ({ object_type }) => TOPICS.has(object_type),
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
