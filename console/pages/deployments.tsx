import { type Deployment, deploymentSchema } from '../../contracts/deployment/deployment.ts';
import { DEPLOYMENT_STATUSES } from '../../contracts/deployment/states.ts';
import { Choice, Field, Filters } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Status, Time } from '../components/parts.tsx';
import { Pager, Table } from '../components/table.tsx';
import { pick } from '../query.ts';
import type { AddPages } from '../types.ts';

const PATH = '/console/deployments';

const total = ({ devices }: Pick<Deployment, 'devices'>): number =>
  Object.values(devices).reduce((sum, count) => sum + count, 0);

export const addDeployments: AddPages = (app) => {
  app.get(PATH, async (c) => {
    const query = pick(c, ['status', 'package_name', 'correlation_id']);
    const page = await c.var.api.page('/deployments', deploymentSchema, query);
    return c.html(
      <Page title="Deployments" section={PATH} operator={c.var.operator}>
        <Filters path={PATH} query={query}>
          <Choice name="status" label="Status" options={DEPLOYMENT_STATUSES} value={query['status']} />
          <Field name="package_name" label="Package" value={query['package_name']} />
        </Filters>
        {page.items.length === 0 ? (
          <Empty>
            No deployment fits. <code>eucora deployments create</code> rolls out a package that passed.
          </Empty>
        ) : (
          <Table
            caption="Deployments"
            rows={page.items}
            columns={[
              { name: 'Deployment', cell: (one) => <a href={`${PATH}/${one.id}`}>{one.name}</a> },
              { name: 'Status', cell: (one) => <Status of={one.status} /> },
              { name: 'Why', cell: (one) => one.reason },
              { name: 'Installed', cell: (one) => `${one.devices.INSTALLED ?? 0} of ${total(one)}` },
              { name: 'Risk', cell: (one) => one.risk.score, wide: true },
              { name: 'Created', cell: (one) => <Time at={one.created_at} />, wide: true },
              { name: 'By', cell: (one) => one.created_by, wide: true },
            ]}
          />
        )}
        <Pager path={PATH} query={query} next={page.next_cursor} />
      </Page>,
    );
  });
};
