import { alertSchema } from '../../contracts/agent-presence/alert.ts';
import { Choice, Filters } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Status, Time } from '../components/parts.tsx';
import { Pager, Table } from '../components/table.tsx';
import { pick } from '../query.ts';
import type { AddPages } from '../types.ts';

const PATH = '/console/alerts';

export const addAlerts: AddPages = (app) => {
  app.get(PATH, async (c) => {
    const query = pick(c, ['open', 'agent_id']);
    const page = await c.var.api.page('/alerts', alertSchema, query);
    return c.html(
      <Page title="Alerts" section={PATH} operator={c.var.operator}>
        <Filters path={PATH} query={query}>
          <Choice name="open" label="Open" options={['true', 'false']} value={query['open']} />
        </Filters>
        {page.items.length === 0 ? (
          <Empty>
            No alert fits. An agent with the tag <code>critical</code> raises one when it goes offline.
          </Empty>
        ) : (
          <Table
            caption="Alerts"
            rows={page.items}
            columns={[
              {
                name: 'Agent',
                cell: (alert) => <a href={`/console/agents/${alert.agent_id}`}>{alert.hostname}</a>,
              },
              { name: 'Opened', cell: (alert) => <Time at={alert.opened_at} /> },
              {
                name: 'Resolved',
                cell: (alert) =>
                  alert.resolved_at === null ? <Status of="OPEN" /> : <Time at={alert.resolved_at} />,
              },
              { name: 'Delivery', cell: (alert) => <Status of={alert.delivery} /> },
              { name: 'Delivery error', cell: (alert) => alert.delivery_error ?? '', wide: true },
            ]}
          />
        )}
        <Pager path={PATH} query={query} next={page.next_cursor} />
      </Page>,
    );
  });
};
