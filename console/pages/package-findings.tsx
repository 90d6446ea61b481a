import { type PolicyException, policyExceptionSchema } from '../../contracts/packaging-pipeline/exception.ts';
import {
  type FindingCounts,
  type JudgedFinding,
  judgedFindingSchema,
  SEVERITIES,
  type Severity,
} from '../../contracts/packaging-pipeline/findings.ts';
import { type Api, type Query, withQuery } from '../api.ts';
import { Empty, Section, Status, Time } from '../components/parts.tsx';
import { Pager, Table } from '../components/table.tsx';

const SHOWN = 20;

const countOf = (counts: FindingCounts, severity: Severity): number =>
  counts[severity.toLowerCase() as Lowercase<Severity>];

/** Each severity with its count, a link to its findings. */
function Severities({ path, counts, chosen }: { path: string; counts: FindingCounts; chosen: unknown }) {
  const all = SEVERITIES.reduce((sum, severity) => sum + countOf(counts, severity), 0);
  return (
    <nav class="pager" aria-label="Severities">
      <a href={`${path}#findings`} aria-current={chosen === undefined ? 'true' : undefined}>
        All {all}
      </a>
      {SEVERITIES.map((severity) => (
        <a
          href={`${withQuery(path, { severity })}#findings`}
          aria-current={severity === chosen ? 'true' : undefined}
        >
          <Status of={severity} /> {countOf(counts, severity)}
        </a>
      ))}
    </nav>
  );
}

/** The exceptions that excused something on this page: they are never deleted. */
async function excuses(api: Api, findings: readonly JudgedFinding[]): Promise<Map<string, PolicyException>> {
  const ids = new Set(findings.flatMap(({ excused_by }) => excused_by ?? []));
  const found = await Promise.all(
    [...ids].map((id) => api.get(`/policy-exceptions/${id}`, policyExceptionSchema)),
  );
  return new Map(found.map((one) => [one.id, one]));
}

function Excuse({ exception }: { exception: PolicyException | undefined }) {
  if (exception === undefined) return null;
  return (
    <>
      <a href="/console/exceptions">{exception.reason}</a>{' '}
      <small>
        {exception.approver}, until <Time at={exception.expires_at} />
      </small>
    </>
  );
}

interface FindingsProps {
  readonly api: Api;
  readonly pipelineId: string;
  readonly path: string;
  readonly counts: FindingCounts | null;
  /** `severity` and `cursor`. */
  readonly query: Query;
}

/** What the scanner found, the worst first. */
export async function Findings({ api, pipelineId, path, counts, query }: FindingsProps) {
  if (counts === null)
    return (
      <Section title="Findings" id="findings">
        <Empty>It has not been scanned.</Empty>
      </Section>
    );
  const page = await api.page(`/packaging-pipelines/${pipelineId}/findings`, judgedFindingSchema, {
    ...query,
    limit: SHOWN,
  });
  const excused = await excuses(api, page.items);
  return (
    <Section title="Findings" id="findings">
      <Severities path={path} counts={counts} chosen={query['severity']} />
      {page.items.length === 0 ? (
        <Empty>{noneOf(counts, query)}</Empty>
      ) : (
        <Table
          caption="Findings"
          rows={page.items}
          columns={[
            { name: 'Severity', cell: (one) => <Status of={one.severity} /> },
            {
              name: 'Finding',
              cell: (one) => (
                <>
                  {one.id} <small>{one.title}</small>
                </>
              ),
            },
            { name: 'Package', cell: (one) => one.package },
            { name: 'Installed', cell: (one) => one.version },
            { name: 'Fixed in', cell: (one) => one.fixed_version ?? <span class="none">not yet</span> },
            {
              name: 'Excused by',
              wide: true,
              cell: ({ excused_by: id }) => <Excuse exception={excused.get(id ?? '')} />,
            },
          ]}
        />
      )}
      <Pager path={path} query={query} next={page.next_cursor} anchor="findings" />
    </Section>
  );
}

function noneOf(counts: FindingCounts, { severity }: Query): string {
  if (severity !== undefined && countOf(counts, severity as Severity) === 0)
    return `The scanner found nothing of severity ${severity}.`;
  return Object.values(counts).some((count) => count > 0)
    ? 'They were counted by an earlier version of the platform; the scanner’s report names them.'
    : 'The scanner found nothing.';
}
