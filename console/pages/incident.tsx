import { INTERPRETERS } from '../../contracts/agent-task/payload.ts';
import {
  type IncidentDetail,
  type IncidentSuggestion,
  incidentCallSchema,
  incidentDetailSchema,
  incidentOccurrenceSchema,
  incidentSchema,
} from '../../contracts/incident/incident.ts';
import type { Api } from '../api.ts';
import { Act, Field } from '../components/form.tsx';
import { Id } from '../components/id.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Facts, ProblemNote, Section, Status, Time } from '../components/parts.tsx';
import { Table } from '../components/table.tsx';
import { WorkflowLink } from '../components/workflow-link.tsx';
import type { LiveTopic } from '../live/hub.ts';
import { may } from '../may.ts';
import { ApiProblem } from '../problem.ts';
import { fields } from '../query.ts';
import type { AddPages } from '../types.ts';
import { Confirm } from './confirm.tsx';
import { percent, titleOf } from './incidents.tsx';
import { ScriptDiff } from './script-diff.tsx';

const PATH = '/console/incidents';
const SHOWN = 20;

const remediesInWords = ({ remedies }: IncidentDetail): string =>
  Object.entries(remedies)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state.toLowerCase()}`)
    .join(', ');

function Standing({ incident }: { incident: IncidentDetail }) {
  return (
    <div data-state={`${incident.status} ${incident.suggestions.length}`}>
      <Facts
        entries={[
          ['Status', <Status of={incident.outcome ?? incident.status} />],
          ['Devices', `${incident.device_count} (${incident.occurrence_count} failures)`],
          ['Kind', incident.label?.replaceAll('_', ' ').toLowerCase()],
          ['Confidence', percent(incident.confidence)],
          ['Severity', incident.severity],
          ['Root cause', incident.root_cause],
          ['What a person would do', incident.remediation],
          ['Advice', incident.advice],
          ['Waits since', incident.waiting_since === null ? null : <Time at={incident.waiting_since} />],
          ['Decided by', incident.decided_by],
          ['Remedied devices', remediesInWords(incident)],
        ]}
      />
    </div>
  );
}

export const incidentTopic: LiveTopic = {
  concerns: ({ object_id, object_type }, id) => object_id === id || object_type === 'agent_task',
  render: async (api, id) =>
    String(
      <Standing incident={await api.get(`/incidents/${encodeURIComponent(id)}`, incidentDetailSchema)} />,
    ),
};

function Suggestion({ suggestion, preselected }: { suggestion: IncidentSuggestion; preselected: boolean }) {
  return (
    <div class="card">
      <p>
        {suggestion.provider === null ? `Written by ${suggestion.created_by}` : `By ${suggestion.provider}`}
        {suggestion.model === null ? '' : ` (${suggestion.model})`}
        {suggestion.confidence === null ? '' : `, confidence ${percent(suggestion.confidence)}`}
        {preselected ? <strong> · preselected</strong> : ''}
      </p>
      <p>{suggestion.explanation}</p>
      {suggestion.script === null ? (
        <div class="problem">
          The guardrails blocked it:
          <ul>
            {suggestion.findings.map(({ code, message, excerpt }) => (
              <li>
                <code>{code}</code>: {message} (<code>{excerpt}</code>)
              </li>
            ))}
          </ul>
        </div>
      ) : (
        <pre class="json" tabindex={0}>
          {suggestion.script}
        </pre>
      )}
    </div>
  );
}

/** Shown to approvers while the incident waits for them. */
function Decide({
  incident,
  draft,
}: {
  incident: IncidentDetail;
  draft?: Record<string, string> | undefined;
}) {
  const usable = incident.suggestions.filter(({ script }) => script !== null);
  const chosen = usable.find(({ id }) => id === incident.preselected_suggestion_id);
  const latest = chosen ?? usable[0];
  const script = draft?.['script'] ?? latest?.script ?? '';
  return (
    <>
      <Section title="Decide">
        {usable.length === 0 ? (
          <Empty>There is no suggestion that could be approved: write a script, or ask again.</Empty>
        ) : (
          <form method="post" action={`${PATH}/${incident.id}/approve`} class="stack">
            <label>
              Suggestion
              <select name="suggestion_id" required>
                {chosen === undefined ? <option value="">choose one</option> : null}
                {usable.map((one) => (
                  <option value={one.id} selected={one.id === chosen?.id}>
                    {`${one.provider ?? one.created_by}: ${(one.script ?? '').slice(0, 60)}`}
                  </option>
                ))}
              </select>
            </label>
            <Field name="note" label="Note" />
            <button type="submit">{`Approve for ${incident.device_count === 1 ? 'one device' : `${incident.device_count} devices, one first`}`}</button>
          </form>
        )}
        <form method="post" action={`${PATH}/${incident.id}/reject`} class="stack">
          <Field name="reason" label="Reason" required />
          <button type="submit" class="danger">
            Reject
          </button>
        </form>
        <form method="post" action={`${PATH}/${incident.id}/ask`} class="stack">
          <Field name="wish" label="What it should do otherwise" />
          <button type="submit">Ask again</button>
        </form>
      </Section>
      <Section title="Edit">
        {draft === undefined || latest?.script == null ? null : (
          <ScriptDiff before={latest.script} after={script} />
        )}
        <form method="post" action={`${PATH}/${incident.id}/edit`}>
          <div class="stack">
            <label>
              Interpreter
              <select name="interpreter">
                {INTERPRETERS.map((one) => (
                  <option
                    value={one}
                    selected={one === (draft?.['interpreter'] ?? latest?.interpreter ?? 'sh')}
                  >
                    {one}
                  </option>
                ))}
              </select>
            </label>
            <Field name="explanation" label="What it does" value={draft?.['explanation']} />
          </div>
          <label>
            Script (the guardrails judge it, too)
            <textarea name="script" rows={10} spellcheck={false} required>
              {script}
            </textarea>
          </label>
          <div class="actions">
            <button type="submit" name="step" value="compare">
              Compare
            </button>
            <button type="submit" name="step" value="save">
              Save as a suggestion
            </button>
          </div>
        </form>
      </Section>
    </>
  );
}

async function evidence(api: Api, id: string) {
  const [occurrences, calls] = await Promise.all([
    api.page(`/incidents/${id}/occurrences`, incidentOccurrenceSchema, { limit: SHOWN }),
    api.page(`/incidents/${id}/calls`, incidentCallSchema, { limit: SHOWN }),
  ]);
  return (
    <>
      <Section title="Occurrences">
        <Table
          caption="Occurrences"
          rows={occurrences.items}
          columns={[
            { name: 'Task', cell: (one) => <Id of={one.task_id} path="/console/tasks" /> },
            { name: 'Agent', cell: (one) => <Id of={one.agent_id} path="/console/agents" /> },
            { name: 'Failed', cell: (one) => <Time at={one.failed_at} /> },
            { name: 'Error', cell: (one) => (one.error_message ?? '').slice(0, 200), wide: true },
          ]}
        />
      </Section>
      <Section title="Questions to providers">
        {calls.items.length === 0 ? (
          <Empty>No model was asked.</Empty>
        ) : (
          <Table
            caption="Questions to providers"
            rows={calls.items}
            columns={[
              { name: 'Provider', cell: (one) => `${one.provider} ${one.model}` },
              { name: 'Prompt', cell: (one) => one.prompt_version },
              { name: 'Outcome', cell: (one) => one.outcome },
              { name: 'Took', cell: (one) => `${one.latency_ms} ms`, wide: true },
            ]}
          />
        )}
      </Section>
    </>
  );
}

export const addIncident: AddPages = (app, { options }) => {
  app.get(`${PATH}/:id{[0-9a-f-]{36}}`, async (c) => {
    const id = c.req.param('id');
    const { api, operator } = c.var;
    const incident = await api.get(`/incidents/${id}`, incidentDetailSchema);
    const decides = incident.status === 'AWAITING_DECISION' && may(operator, 'approver');
    return c.html(
      <Page title={titleOf(incident)} section={PATH} operator={operator} live={[`incident:${id}`]}>
        <p>
          <code>{incident.error}</code>
        </p>
        <div class="card" data-topic={`incident:${id}`}>
          <Standing incident={incident} />
        </div>
        {(incident.status === 'CANARY' || incident.status === 'ROLLOUT') &&
        (may(operator, 'operator') || may(operator, 'approver')) ? (
          <div class="actions">
            <Act action={`${PATH}/${id}/stop`} label="Stop the remedy" danger />
          </div>
        ) : null}
        <Section title="Suggestions">
          {incident.suggestions.length === 0 ? (
            <Empty>There is none.</Empty>
          ) : (
            incident.suggestions.map((one) => (
              <Suggestion suggestion={one} preselected={one.id === incident.preselected_suggestion_id} />
            ))
          )}
        </Section>
        {decides ? <Decide incident={incident} /> : null}
        {await evidence(api, id)}
        <Section title="Origin">
          <Facts
            entries={[
              ['Workflow', <WorkflowLink id={incident.workflow_id} ui={options.workflowsUrl} />],
              ['Story', <a href={`/console/audit?object_id=${id}`}>its audit events</a>],
            ]}
          />
        </Section>
      </Page>,
    );
  });

  app.get(`${PATH}/:id/stop`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    const incident = await c.var.api.get(`/incidents/${id}`, incidentDetailSchema);
    return c.html(
      <Confirm
        operator={c.var.operator}
        section={PATH}
        title={`Stop the remedy of ${titleOf(incident)}?`}
        verb="Stop the remedy"
        back={`${PATH}/${id}`}
        field={<Field name="reason" label="Why" required />}
      >
        {`It was approved for ${incident.device_count === 1 ? 'one device' : `${incident.device_count} devices`} (${remediesInWords(incident) || 'none has begun'}). `}
        Tasks that are open are cancelled and no further device gets it; what it did is not undone. The
        incident waits for a decision again.
      </Confirm>,
    );
  });

  for (const word of ['approve', 'reject', 'ask', 'stop'] as const) {
    app.post(`${PATH}/:id/${word}`, async (c) => {
      const id = encodeURIComponent(c.req.param('id'));
      await c.var.api.post(`/incidents/${id}/${word}`, incidentSchema, await fields(c));
      return c.redirect(`${PATH}/${id}`, 303);
    });
  }

  app.post(`${PATH}/:id/edit`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    const { step, ...draft } = await fields(c);
    let problem: ApiProblem['problem'] | undefined;
    if (step !== 'compare') {
      try {
        await c.var.api.post(`/incidents/${id}/edit`, incidentSchema, draft);
        return c.redirect(`${PATH}/${id}`, 303);
      } catch (error) {
        if (!(error instanceof ApiProblem) || error.problem.status !== 422) throw error;
        problem = error.problem;
      }
    }
    const incident = await c.var.api.get(`/incidents/${id}`, incidentDetailSchema);
    return c.html(
      <Page title={titleOf(incident)} section={PATH} operator={c.var.operator}>
        {problem === undefined ? null : <ProblemNote problem={problem} />}
        <Decide incident={incident} draft={draft} />
      </Page>,
      problem === undefined ? 200 : 422,
    );
  });
};
