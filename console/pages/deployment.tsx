import {
  type Decision,
  type Deployment,
  type DeploymentRing,
  decisionSchema,
  decisionsSchema,
  deploymentDeviceSchema,
  deploymentRingsSchema,
  deploymentSchema,
} from '../../contracts/deployment/deployment.ts';
import {
  DEPLOYMENT_TRANSITIONS,
  DEVICE_STATES,
  type DeploymentStatus,
  OPERATOR_WORDS,
  type OperatorWord,
} from '../../contracts/deployment/states.ts';
import type { Api } from '../api.ts';
import { Choice, Field, Filters } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Facts, Json, Section, Status, Time } from '../components/parts.tsx';
import { Pager, Table } from '../components/table.tsx';
import { WorkflowLink } from '../components/workflow-link.tsx';
import type { LiveTopic } from '../live/hub.ts';
import { may } from '../may.ts';
import { fields, pick } from '../query.ts';
import type { AddPages } from '../types.ts';
import { Confirm } from './confirm.tsx';

const PATH = '/console/deployments';

const WORDS: Readonly<Record<OperatorWord, { path: string; verb: string; effect: string }>> = {
  pause: {
    path: 'pause',
    verb: 'Pause',
    effect: 'get no more tasks; those that no agent has begun are taken back',
  },
  resume: { path: 'resume', verb: 'Resume', effect: 'go on, also past a ring that did not pass by itself' },
  abort: { path: 'abort', verb: 'Abort', effect: 'stay as they are; nothing more is installed' },
  roll_back: {
    path: 'rollback',
    verb: 'Roll back',
    effect: 'go back to the version before, or without the package, as far as it was touched',
  },
};

const fits = (word: OperatorWord, status: DeploymentStatus): boolean =>
  DEPLOYMENT_TRANSITIONS[word].from.includes(status);

function Ring({ ring }: { ring: DeploymentRing }) {
  const counts = Object.entries(ring.devices);
  const all = counts.reduce((sum, [, count]) => sum + count, 0);
  const done = ring.devices.INSTALLED ?? 0;
  return (
    <div class="card">
      <strong>{ring.name}</strong> <Status of={ring.state} />
      <meter
        min={0}
        max={Math.max(1, all)}
        value={done}
        aria-label={`${ring.name}: ${done} of ${all} installed`}
      />
      <div>{ring.reason}</div>
      <small>
        {counts.map(([state, count]) => `${count} ${state.toLowerCase().replaceAll('_', ' ')}`).join(', ') ||
          'no devices yet'}
        {Object.entries(ring.failures).map(([kind, count]) => `; ${count} × ${kind}`)}
      </small>
      <details>
        <summary>Gates</summary>
        <Json value={{ size: ring.size, soak_seconds: ring.soak_seconds, gates: ring.gates }} />
      </details>
    </div>
  );
}

/** State and rings, as they fill. */
async function rollout(api: Api, id: string) {
  const [deployment, rings] = await Promise.all([
    api.get(`/deployments/${id}`, deploymentSchema),
    api.get(`/deployments/${id}/rings`, deploymentRingsSchema),
  ]);
  return (
    <>
      <Facts
        entries={[
          ['Status', <Status of={deployment.status} />],
          ['Why', deployment.reason],
          ['Present ring', deployment.current_ring],
          ['Started', <Time at={deployment.started_at} />],
          ['Ended', <Time at={deployment.ended_at} />],
        ]}
      />
      <Section title="Rings">
        <div class="grid-of">
          {rings.items.map((ring) => (
            <Ring ring={ring} />
          ))}
        </div>
      </Section>
    </>
  );
}

export const deploymentTopic: LiveTopic = {
  // Devices move without an audit event each: looked at whenever anything of tasks or deployments happens.
  concerns: ({ object_type, object_id }, id) => object_id === id || object_type === 'agent_task',
  render: async (api, id) => String(await rollout(api, encodeURIComponent(id))),
};

function Risk({ deployment }: { deployment: Deployment }) {
  const { score, factors } = deployment.risk;
  return (
    <Section title="Risk">
      <p>
        {score} of 100; {deployment.approval_required ? 'a decision is needed' : 'passes by itself'}{' '}
        (threshold {deployment.risk_threshold}).
      </p>
      <Table
        caption="Risk factors"
        rows={factors}
        columns={[
          { name: 'Factor', cell: (factor) => factor.factor.replaceAll('_', ' ') },
          { name: 'Points', cell: (factor) => `${factor.points} of ${factor.max_points}` },
          { name: 'Why', cell: (factor) => factor.reason },
        ]}
      />
    </Section>
  );
}

function Decided({ decision }: { decision: Decision }) {
  return (
    <Facts
      entries={[
        ['Decision', <Status of={decision.decision.toUpperCase()} />],
        ['By', decision.approver],
        ['At', <Time at={decision.decided_at} />],
        ['Comment', decision.comment],
        ['Conditions', decision.conditions === null ? 'none' : <Json value={decision.conditions} />],
      ]}
    />
  );
}

/** Shown beside risk and evidence; whoever created the deployment is refused by the API. */
function DecisionForm({ id }: { id: string }) {
  return (
    <form method="post" action={`${PATH}/${id}/decide`} class="stack">
      <Field name="comment" label="Comment" />
      <Field name="pause_after_ring" label="Condition: pause after ring" />
      <Field name="max_per_minute" label="Condition: devices a minute" type="number" min={1} />
      <button type="submit" name="decision" value="approve">
        Approve
      </button>
      <button type="submit" name="decision" value="reject" class="danger">
        Reject
      </button>
    </form>
  );
}

export const addDeployment: AddPages = (app, { options }) => {
  app.get(`${PATH}/:id{[0-9a-f-]{36}}`, async (c) => {
    const id = c.req.param('id');
    const { api, operator } = c.var;
    const query = pick(c, ['ring', 'state']);
    const [deployment, decisions, devices] = await Promise.all([
      api.get(`/deployments/${id}`, deploymentSchema),
      api.get(`/deployments/${id}/decisions`, decisionsSchema),
      api.page(`/deployments/${id}/devices`, deploymentDeviceSchema, query),
    ]);
    const [decision] = decisions.items;
    return c.html(
      <Page title={deployment.name} section={PATH} operator={operator} live={[`deployment:${id}`]}>
        <div class="card" data-topic={`deployment:${id}`}>
          {await rollout(api, id)}
        </div>
        {may(operator, 'operator') ? (
          <div class="actions">
            {OPERATOR_WORDS.filter((word) => fits(word, deployment.status)).map((word) => (
              <a class="button danger" href={`${PATH}/${id}/words/${word}`}>{`${WORDS[word].verb}…`}</a>
            ))}
          </div>
        ) : null}
        <div class="grid-of">
          <div>
            <Risk deployment={deployment} />
          </div>
          <div>
            <Section title="Package and evidence">
              <Facts
                entries={[
                  [
                    'Package',
                    <a href={`/console/packages/${deployment.pipeline_id}`}>
                      {`${deployment.package_name} ${deployment.package_version}`}
                    </a>,
                  ],
                  [
                    'Evidence',
                    deployment.evidence_id === null ? null : <code>{deployment.evidence_id}</code>,
                  ],
                  [
                    'Rolls back to',
                    deployment.previous_pipeline_id === null ? (
                      'a device without the package'
                    ) : (
                      <a href={`/console/packages/${deployment.previous_pipeline_id}`}>the version before</a>
                    ),
                  ],
                  ['Created by', deployment.created_by],
                  ['Created', <Time at={deployment.created_at} />],
                ]}
              />
            </Section>
            <Section title="Decision">
              {decision !== undefined ? (
                <Decided decision={decision} />
              ) : deployment.status === 'AWAITING_APPROVAL' && may(operator, 'approver') ? (
                <DecisionForm id={id} />
              ) : (
                <Empty>
                  {deployment.status === 'AWAITING_APPROVAL'
                    ? 'It waits for an approver.'
                    : 'None was needed.'}
                </Empty>
              )}
            </Section>
          </div>
        </div>
        <Section title="Devices" id="devices">
          <Filters path={`${PATH}/${id}`} query={query}>
            <Field name="ring" label="Ring" value={query['ring']} />
            <Choice name="state" label="State" options={DEVICE_STATES} value={query['state']} />
          </Filters>
          {devices.items.length === 0 ? (
            <Empty>No device fits.</Empty>
          ) : (
            <Table
              caption="Devices"
              rows={devices.items}
              columns={[
                {
                  name: 'Device',
                  cell: (one) => <a href={`/console/agents/${one.agent_id}`}>{one.hostname}</a>,
                },
                { name: 'Ring', cell: (one) => one.ring },
                { name: 'State', cell: (one) => <Status of={one.state} /> },
                { name: 'Why', cell: (one) => one.reason ?? '', wide: true },
                {
                  name: 'Task',
                  wide: true,
                  cell: (one) =>
                    one.task_id === null ? '' : <a href={`/console/tasks/${one.task_id}`}>task</a>,
                },
              ]}
            />
          )}
          <Pager path={`${PATH}/${id}`} query={query} next={devices.next_cursor} />
        </Section>
        <Section title="Origin">
          <Facts
            entries={[['Workflow', <WorkflowLink id={deployment.workflow_id} ui={options.temporalUiUrl} />]]}
          />
          <details>
            <summary>Selection and plan</summary>
            <Json value={{ selection: deployment.selection, plan: deployment.plan }} />
          </details>
        </Section>
      </Page>,
    );
  });

  app.post(`${PATH}/:id/decide`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    const { decision, comment = '', pause_after_ring, max_per_minute } = await fields(c);
    const conditions = {
      ...(pause_after_ring === undefined ? {} : { pause_after_ring }),
      ...(max_per_minute === undefined ? {} : { max_per_minute: Number(max_per_minute) }),
    };
    await c.var.api.post(`/deployments/${id}/decisions`, decisionSchema, {
      decision,
      comment,
      ...(decision === 'approve' && Object.keys(conditions).length > 0 ? { conditions } : {}),
    });
    return c.redirect(`${PATH}/${id}`, 303);
  });

  app.get(`${PATH}/:id/words/:word{pause|resume|abort|roll_back}`, async (c) => {
    const word = c.req.param('word') as OperatorWord;
    const deployment = await c.var.api.get(
      `/deployments/${encodeURIComponent(c.req.param('id'))}`,
      deploymentSchema,
    );
    const devices = Object.values(deployment.devices).reduce((sum, count) => sum + count, 0);
    const { verb, effect } = WORDS[word];
    return c.html(
      <Confirm
        operator={c.var.operator}
        section={PATH}
        title={`${verb} ${deployment.name}?`}
        verb={`${verb} this deployment`}
        back={`${PATH}/${deployment.id}`}
      >
        {devices === 1 ? 'Its one device' : `Its ${devices} devices`} {effect}.
      </Confirm>,
    );
  });
  app.post(`${PATH}/:id/words/:word{pause|resume|abort|roll_back}`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    const { path } = WORDS[c.req.param('word') as OperatorWord];
    await c.var.api.post(`/deployments/${id}/${path}`, deploymentSchema, {});
    return c.redirect(`${PATH}/${id}`, 303);
  });
};
