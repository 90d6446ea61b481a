import {
  type IncidentDetail,
  type IncidentSuggestion,
  incidentDetailSchema,
  incidentSchema,
} from '../../contracts/incident/incident.ts';
import { Act, Field } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Facts, ProblemNote, Section, Status, Time } from '../components/parts.tsx';
import { WorkflowLink } from '../components/workflow-link.tsx';
import type { LiveTopic } from '../live/hub.ts';
import { may } from '../may.ts';
import { ApiProblem } from '../problem.ts';
import { fields, pick } from '../query.ts';
import type { AddPages } from '../types.ts';
import { Confirm } from './confirm.tsx';
import { Decide, devicesOf, Edit } from './incident-decision.tsx';
import { Calls, LISTS, Occurrences, Remedies } from './incident-lists.tsx';
import { percent, titleOf } from './incidents.tsx';

const PATH = '/console/incidents';
/** How the changing part of a page begins whose incident is closed. */
const CLOSED = '<div data-state="CLOSED ';

const remediesInWords = ({ remedies }: IncidentDetail): string =>
  Object.entries(remedies)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state.toLowerCase()}`)
    .join(', ');

const partsInWords = ({ confidence_parts: parts }: IncidentDetail): string | null =>
  parts === null
    ? null
    : [
        `the model’s own word ${percent(parts.model)}`,
        `agreement with the rules ${percent(parts.agreement)}`,
        `form of the answer ${percent(parts.schema_fit)}`,
        `evidence ${percent(parts.evidence)}`,
      ].join(', ');

function Standing({ incident }: { incident: IncidentDetail }) {
  return (
    <div data-state={`${incident.status} ${incident.suggestions.length}`}>
      <Facts
        entries={[
          ['Status', <Status of={incident.outcome ?? incident.status} />],
          ['Devices', `${incident.device_count} (${incident.occurrence_count} failures)`],
          ['Kind', incident.label?.replaceAll('_', ' ').toLowerCase()],
          ['Confidence', percent(incident.confidence)],
          ['Made of', partsInWords(incident)],
          ['Severity', incident.severity],
          ['Root cause', incident.root_cause],
          ['What a person would do', incident.remediation],
          ['Advice', incident.advice],
          ['Waits since', incident.waiting_since === null ? null : <Time at={incident.waiting_since} />],
          ['Decided by', incident.decided_by],
          ['Note', incident.decision_note],
          [
            'Failed tasks',
            incident.approved_suggestion_id === null
              ? null
              : incident.retry_failed_tasks
                ? 'done again after the remedy'
                : 'not done again',
          ],
          ['Remedied devices', remediesInWords(incident)],
        ]}
      />
    </div>
  );
}

export const incidentTopic: LiveTopic = {
  concerns: ({ object_id }, id) => object_id === id,
  // Devices join, and go on through a remedy, without an audit event of the incident each.
  restless: (html) => !html.startsWith(CLOSED),
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
      {suggestion.script === null || !suggestion.verification ? null : (
        <>
          <p>Check, which ends with 0 once a device is healthy:</p>
          <pre class="json" tabindex={0}>
            {suggestion.verification}
          </pre>
        </>
      )}
    </div>
  );
}

export const addIncident: AddPages = (app, { options }) => {
  app.get(`${PATH}/:id{[0-9a-f-]{36}}`, async (c) => {
    const id = c.req.param('id');
    const { api, operator } = c.var;
    const incident = await api.get(`/incidents/${id}`, incidentDetailSchema);
    const query = pick(c, LISTS);
    const list = { api, incident, path: `${PATH}/${id}`, query };
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
        {decides ? (
          <>
            <Decide incident={incident} />
            <Edit incident={incident} />
          </>
        ) : null}
        <Remedies {...list} />
        <Occurrences {...list} />
        <Calls {...list} />
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
        {`It was approved for ${devicesOf(incident)} (${remediesInWords(incident) || 'none has begun'}). `}
        Tasks that are open are cancelled and no further device gets it; what it did is not undone. The
        incident waits for a decision again.
      </Confirm>,
    );
  });

  app.get(`${PATH}/:id/reject`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    const incident = await c.var.api.get(`/incidents/${id}`, incidentDetailSchema);
    return c.html(
      <Confirm
        operator={c.var.operator}
        section={PATH}
        title={`Reject ${titleOf(incident)}?`}
        verb="Reject the incident"
        back={`${PATH}/${id}`}
        field={<Field name="reason" label="Reason" required />}
      >
        {`${incident.error.slice(0, 200)} (${devicesOf(incident)}). `}
        The incident is closed and no device gets a remedy.
      </Confirm>,
    );
  });

  app.post(`${PATH}/:id/approve`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    const { no_retry, ...request } = await fields(c);
    await c.var.api.post(`/incidents/${id}/approve`, incidentSchema, {
      ...request,
      retry_failed_tasks: no_retry === undefined,
    });
    return c.redirect(`${PATH}/${id}`, 303);
  });

  for (const word of ['reject', 'ask', 'stop'] as const) {
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
        <Edit incident={incident} draft={draft} />
      </Page>,
      problem === undefined ? 200 : 422,
    );
  });
};
