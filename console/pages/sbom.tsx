import { z } from 'zod';
import { pipelineDetailsSchema } from '../../contracts/packaging-pipeline/pipeline.ts';
import { withQuery } from '../api.ts';
import { Choice, Field, Filters } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty } from '../components/parts.tsx';
import { Table } from '../components/table.tsx';
import { pick } from '../query.ts';
import type { AddPages } from '../types.ts';

const PATH = '/console/packages';
const PAGE = 100;
/** Licences to choose from; who looks for a rarer one types a name. */
const MAX_LICENCES = 100;

export interface Component {
  readonly name: string;
  readonly version: string;
  /** Identifies it across tools, such as `pkg:npm/lodash@4.17.21`. */
  readonly purl: string;
  readonly licenses: string;
}

/** Components of a CycloneDX or SPDX document; whatever else such a document may hold is passed over. */
export function componentsOf(document: Readonly<Record<string, unknown>>): Component[] {
  const list = document['components'] ?? document['packages'];
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    const parsed = entrySchema.safeParse(entry);
    if (!parsed.success) return [];
    const { name, version, versionInfo, purl, externalRefs } = parsed.data;
    return [
      {
        name,
        version: version ?? versionInfo ?? '',
        purl:
          purl ?? externalRefs.find(({ referenceType }) => referenceType === 'purl')?.referenceLocator ?? '',
        licenses: licensesOf(parsed.data),
      },
    ];
  });
}

const text = z.string().optional().catch(undefined);
const entrySchema = z.object({
  name: z.string(),
  version: text,
  versionInfo: text,
  purl: text,
  licenseConcluded: text,
  licenses: z
    .array(
      z
        .object({ license: z.object({ id: text, name: text }).optional().catch(undefined), expression: text })
        .catch({}),
    )
    .catch([]),
  externalRefs: z
    .array(
      z
        .object({ referenceType: z.string(), referenceLocator: z.string() })
        .catch({ referenceType: '', referenceLocator: '' }),
    )
    .catch([]),
});

function licensesOf({ licenses, licenseConcluded }: z.infer<typeof entrySchema>): string {
  if (licenseConcluded !== undefined) return licenseConcluded;
  return licenses
    .flatMap(({ license, expression }) => license?.id ?? license?.name ?? expression ?? [])
    .join(', ');
}

/** The most common first. */
function licencesOf(components: readonly Component[]): string[] {
  const counts = new Map<string, number>();
  for (const { licenses } of components) counts.set(licenses, (counts.get(licenses) ?? 0) + 1);
  counts.delete('');
  return [...counts].sort(([, a], [, b]) => b - a).map(([name]) => name);
}

export const addSbom: AddPages = (app) => {
  app.get(`${PATH}/:id{[0-9a-f-]{36}}/sbom`, async (c) => {
    const { api, operator } = c.var;
    const id = c.req.param('id');
    const path = `${PATH}/${id}/sbom`;
    const query = pick(c, ['component', 'licence']);
    const from = Math.max(0, Math.floor(Number(c.req.query('from') ?? 0)) || 0);
    const pipeline = await api.get(`/packaging-pipelines/${id}`, pipelineDetailsSchema);
    const all = componentsOf(
      await api.get(`/packaging-pipelines/${id}/sbom`, z.record(z.string(), z.unknown())),
    );
    const wanted = (query['component'] ?? '').toLowerCase();
    const found = all.filter(
      ({ name, licenses }) =>
        name.toLowerCase().includes(wanted) &&
        (query['licence'] === undefined || licenses === query['licence']),
    );
    const shown = found.slice(from, from + PAGE);
    return c.html(
      <Page
        title={`What ${pipeline.package_name} ${pipeline.package_version} holds`}
        section={PATH}
        operator={operator}
      >
        <p>
          <a href={`${PATH}/${id}`}>Back to the package</a>
        </p>
        <Filters path={path} query={query}>
          <Field name="component" label="Component" value={query['component']} />
          <Choice
            name="licence"
            label="Licence"
            options={licencesOf(all).slice(0, MAX_LICENCES)}
            value={query['licence']}
          />
        </Filters>
        <p>
          {found.length === all.length ? '' : `${found.length} of `}
          {all.length === 1 ? 'one component' : `${all.length} components`}
          {found.length > PAGE ? `, ${from + 1} to ${from + shown.length} shown` : ''}
        </p>
        {shown.length === 0 ? (
          <Empty>{all.length === 0 ? 'It holds no parts of others.' : 'No component fits.'}</Empty>
        ) : (
          <Table
            caption="Components"
            rows={shown}
            columns={[
              { name: 'Name', cell: (one) => one.name },
              { name: 'Version', cell: (one) => one.version },
              { name: 'Licences', cell: (one) => one.licenses || <span class="none">not known</span> },
              { name: 'Package URL', cell: (one) => one.purl, wide: true },
            ]}
          />
        )}
        <nav class="pager" aria-label="Pages">
          {from === 0 ? null : (
            <a href={withQuery(path, { ...query, from: Math.max(0, from - PAGE) })}>Page before</a>
          )}
          {from + PAGE >= found.length ? null : (
            <a rel="next" href={withQuery(path, { ...query, from: from + PAGE })}>
              Next page
            </a>
          )}
        </nav>
      </Page>,
    );
  });
};
