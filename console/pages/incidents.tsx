import { PLATFORMS } from '../../contracts/agent/agent.ts';
import { FAILURE_CATEGORIES } from '../../contracts/incident/ai.ts';
import { type Incident, incidentSchema } from '../../contracts/incident/incident.ts';
import { INCIDENT_STATUSES } from '../../contracts/incident/states.ts';
import { Choice, Field, Filters } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Status, Time } from '../components/parts.tsx';
import { Pager, Table } from '../components/table.tsx';
import { pick } from '../query.ts';
import type { AddPages } from '../types.ts';

const PATH = '/console/incidents';

export const percent = (share: number | null): string =>
  share === null ? '' : `${Math.round(share * 100)} %`;

export const titleOf = ({ package_name, task_type, platform }: Incident): string =>
  `${package_name ?? task_type} on ${platform}`;

export const addIncidents: AddPages = (app) => {
  app.get(PATH, async (c) => {
    const query = pick(c, ['status', 'label', 'platform', 'package']);
    const page = await c.var.api.page('/incidents', incidentSchema, query);
    return c.html(
      <Page title="Incidents" section={PATH} operator={c.var.operator}>
        <Filters path={PATH} query={query}>
          <Choice name="status" label="Status" options={INCIDENT_STATUSES} value={query['status']} />
          <Choice name="label" label="Kind" options={FAILURE_CATEGORIES} value={query['label']} />
          <Choice name="platform" label="Platform" options={PLATFORMS} value={query['platform']} />
          <Field name="package" label="Package" value={query['package']} />
        </Filters>
        {page.items.length === 0 ? (
          <Empty>No incident fits. Tasks that fail alike open one by themselves.</Empty>
        ) : (
          <Table
            caption="Incidents"
            rows={page.items}
            columns={[
              { name: 'Incident', cell: (one) => <a href={`${PATH}/${one.id}`}>{titleOf(one)}</a> },
              { name: 'Status', cell: (one) => <Status of={one.outcome ?? one.status} /> },
              { name: 'Kind', cell: (one) => (one.label ?? '').replaceAll('_', ' ').toLowerCase() },
              { name: 'Devices', cell: (one) => one.device_count },
              { name: 'Error', cell: (one) => one.error.slice(0, 140), wide: true },
              { name: 'Last seen', cell: (one) => <Time at={one.last_seen_at} /> },
            ]}
          />
        )}
        <Pager path={PATH} query={query} next={page.next_cursor} />
      </Page>,
    );
  });
};
