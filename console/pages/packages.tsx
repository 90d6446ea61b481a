import { PLATFORMS } from '../../contracts/agent/agent.ts';
import { pipelineSchema } from '../../contracts/packaging-pipeline/pipeline.ts';
import { PIPELINE_STATUSES } from '../../contracts/packaging-pipeline/steps.ts';
import { Choice, Field, Filters } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Status, Time } from '../components/parts.tsx';
import { Pager, Table } from '../components/table.tsx';
import { pick } from '../query.ts';
import type { AddPages } from '../types.ts';

const PATH = '/console/packages';
const FILTERS = ['package_name', 'platform', 'status', 'correlation_id'] as const;

export const addPackages: AddPages = (app) => {
  app.get(PATH, async (c) => {
    const query = pick(c, FILTERS);
    const page = await c.var.api.page('/packaging-pipelines', pipelineSchema, query);
    return c.html(
      <Page title="Packages" section={PATH} operator={c.var.operator}>
        <p>
          Exceptions from the policy are under <a href="/console/exceptions">Exceptions</a>.
        </p>
        <Filters path={PATH} query={query}>
          <Field name="package_name" label="Package" value={query['package_name']} />
          <Choice name="platform" label="Platform" options={PLATFORMS} value={query['platform']} />
          <Choice name="status" label="Status" options={PIPELINE_STATUSES} value={query['status']} />
        </Filters>
        {page.items.length === 0 ? (
          <Empty>
            No pipeline fits. <code>eucora packages build</code> makes a package from a source.
          </Empty>
        ) : (
          <Table
            caption="Packaging pipelines"
            rows={page.items}
            columns={[
              {
                name: 'Package',
                cell: (one) => (
                  <a href={`${PATH}/${one.id}`}>{`${one.package_name} ${one.package_version}`}</a>
                ),
              },
              { name: 'Status', cell: (one) => <Status of={one.status} /> },
              { name: 'For', cell: (one) => `${one.platform} (${one.format})` },
              {
                name: 'Why it failed',
                cell: (one) => one.failure_message ?? one.last_error?.message ?? '',
                wide: true,
              },
              { name: 'Created', cell: (one) => <Time at={one.created_at} /> },
              { name: 'By', cell: (one) => one.created_by, wide: true },
            ]}
          />
        )}
        <Pager path={PATH} query={query} next={page.next_cursor} />
      </Page>,
    );
  });
};
