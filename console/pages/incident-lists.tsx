import type { Redactions } from '../../contracts/incident/ai.ts';
import {
  type IncidentCall,
  type IncidentDetail,
  type IncidentRemedy,
  incidentCallSchema,
  incidentOccurrenceSchema,
  incidentRemedySchema,
} from '../../contracts/incident/incident.ts';
import type { Api, Query } from '../api.ts';
import { Id } from '../components/id.tsx';
import { Empty, Section, Status, Time } from '../components/parts.tsx';
import { Pager, Table } from '../components/table.tsx';

const SHOWN = 20;
const TASKS = '/console/tasks';
const AGENTS = '/console/agents';

/** What names the cursors of the lists in the address of an incident's page. */
export const LISTS = ['occurrences', 'remedies', 'calls'] as const;

interface ListProps {
  readonly api: Api;
  readonly incident: IncidentDetail;
  readonly path: string;
  /** The cursors of all lists, so that one is turned and the others stay. */
  readonly query: Query;
}

export async function Occurrences({ api, incident, path, query }: ListProps) {
  const page = await api.page(`/incidents/${incident.id}/occurrences`, incidentOccurrenceSchema, {
    limit: SHOWN,
    cursor: query['occurrences'],
  });
  return (
    <Section title="Occurrences" id="occurrences">
      <p>{incident.occurrence_count === 1 ? 'One failure.' : `${incident.occurrence_count} failures.`}</p>
      <Table
        caption="Occurrences"
        rows={page.items}
        columns={[
          { name: 'Task', cell: (one) => <Id of={one.task_id} path={TASKS} /> },
          { name: 'Agent', cell: (one) => <Id of={one.agent_id} path={AGENTS} /> },
          { name: 'Failed', cell: (one) => <Time at={one.failed_at} /> },
          { name: 'Error', cell: (one) => (one.error_message ?? '').slice(0, 200), wide: true },
        ]}
      />
      <Pager path={path} query={query} next={page.next_cursor} anchor="occurrences" parameter="occurrences" />
    </Section>
  );
}

/** The tasks by which a device is remedied: the script's own, and the failed one, done again. */
const RemedyTasks = ({ remedy }: { remedy: IncidentRemedy }) => (
  <>
    {remedy.task_id === null ? null : <Id of={remedy.task_id} path={TASKS} />}
    {remedy.verify_task_id === null ? null : (
      <>
        {', checked by '}
        <Id of={remedy.verify_task_id} path={TASKS} />
      </>
    )}
  </>
);

/** The devices on their way through approved remedies; nothing where none was approved. */
export async function Remedies({ api, incident, path, query }: ListProps) {
  const page = await api.page(`/incidents/${incident.id}/remedies`, incidentRemedySchema, {
    limit: SHOWN,
    cursor: query['remedies'],
  });
  if (page.items.length === 0) return null;
  return (
    <Section title="Devices" id="remedies">
      <Table
        caption="Devices and their remedies"
        rows={page.items}
        columns={[
          {
            name: 'Agent',
            cell: (one) => (
              <>
                <Id of={one.agent_id} path={AGENTS} /> {one.canary ? <strong>first</strong> : null}
              </>
            ),
          },
          { name: 'State', cell: (one) => <Status of={one.state} /> },
          { name: 'Tasks', cell: (one) => <RemedyTasks remedy={one} /> },
          { name: 'Why', cell: (one) => (one.error ?? '').slice(0, 200), wide: true },
          { name: 'Began', cell: (one) => <Time at={one.began_at} />, wide: true },
          { name: 'Ended', cell: (one) => <Time at={one.ended_at} /> },
        ]}
      />
      <Pager path={path} query={query} next={page.next_cursor} anchor="remedies" parameter="remedies" />
    </Section>
  );
}

const redacted = (redactions: Redactions): string =>
  Object.entries(redactions)
    .map(([kind, count]) => `${count} × ${kind.replaceAll('_', ' ')}`)
    .join(', ') || 'nothing';

/** What a model said, as it is kept: without what is private. */
const Answer = ({ call }: { call: IncidentCall }) => (
  <>
    {call.error === null ? null : <span>{call.error}</span>}
    {call.raw_answer === null ? null : (
      <details>
        <summary>Show</summary>
        <pre class="text">{call.raw_answer}</pre>
      </details>
    )}
  </>
);

const tokens = (input: number, output: number): string =>
  `${input.toLocaleString('en')} in, ${output.toLocaleString('en')} out`;

export async function Calls({ api, incident, path, query }: ListProps) {
  const page = await api.page(`/incidents/${incident.id}/calls`, incidentCallSchema, {
    limit: SHOWN,
    cursor: query['calls'],
  });
  const { calls, cached_calls, input_tokens, output_tokens } = incident.cost;
  return (
    <Section title="Questions to providers" id="calls">
      {page.items.length === 0 ? (
        <Empty>No model was asked.</Empty>
      ) : (
        <>
          <p>
            Questions in all: {calls}, of them from the cache: {cached_calls}. Tokens:{' '}
            {tokens(input_tokens, output_tokens)}.
          </p>
          <Table
            caption="Questions to providers"
            rows={page.items}
            columns={[
              {
                name: 'Question',
                cell: (one) => (
                  <>
                    {one.purpose} <small>{`${one.prompt} ${one.prompt_version}`}</small>
                  </>
                ),
              },
              { name: 'Provider', cell: (one) => `${one.provider} ${one.model}` },
              { name: 'Outcome', cell: (one) => `${one.outcome}${one.cached ? ' (cached)' : ''}` },
              { name: 'Tokens', cell: (one) => tokens(one.input_tokens, one.output_tokens) },
              { name: 'Taken out', cell: (one) => redacted(one.redactions) },
              { name: 'Answer', cell: (one) => <Answer call={one} /> },
              { name: 'Took', cell: (one) => `${one.latency_ms} ms`, wide: true },
              { name: 'At', cell: (one) => <Time at={one.at} />, wide: true },
            ]}
          />
        </>
      )}
      <Pager path={path} query={query} next={page.next_cursor} anchor="calls" parameter="calls" />
    </Section>
  );
}
