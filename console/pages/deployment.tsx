import {
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
import { Choice, Field, Filters } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Facts, Section, Status } from '../components/parts.tsx';
import { Pager, Table } from '../components/table.tsx';
import { Values } from '../components/values.tsx';
import { WorkflowLink } from '../components/workflow-link.tsx';
import type { LiveTopic } from '../live/hub.ts';
import { may } from '../may.ts';
import { fields, pick } from '../query.ts';
import type { AddPages } from '../types.ts';
import { Confirm } from './confirm.tsx';
import { Decided, DecisionForm, PackageAndEvidence, Risk } from './deployment-approval.tsx';
import { deploymentAndRings, isMoving, Rollout, rollout } from './deployment-rings.tsx';
import { effectOf, standingOf, WORDS } from './deployment-words.ts';

const PATH = '/console/deployments';

const fits = (word: OperatorWord, status: DeploymentStatus): boolean =>
  DEPLOYMENT_TRANSITIONS[word].from.includes(status);

export const deploymentTopic: LiveTopic = {
  // Devices move without an audit event each: looked at whenever anything of tasks or deployments happens.
  concerns: ({ object_type, object_id }, id) => object_id === id || object_type === 'agent_task',
  // Rings fill, and hold, between two events.
  restless: isMoving,
  render: async (api, id) => String(await rollout(api, encodeURIComponent(id))),
};

export const addDeployment: AddPages = (app, { options }) => {
  app.get(`${PATH}/:id{[0-9a-f-]{36}}`, async (c) => {
    const id = c.req.param('id');
    const { api, operator } = c.var;
    const query = pick(c, ['ring', 'state']);
    const [deployment, rings, decisions, devices] = await Promise.all([
      api.get(`/deployments/${id}`, deploymentSchema),
      api.get(`/deployments/${id}/rings`, deploymentRingsSchema),
      api.get(`/deployments/${id}/decisions`, decisionsSchema),
      api.page(`/deployments/${id}/devices`, deploymentDeviceSchema, query),
    ]);
    const [decision] = decisions.items;
    return c.html(
      <Page title={deployment.name} section={PATH} operator={operator} live={[`deployment:${id}`]}>
        <div class="card" data-topic={`deployment:${id}`}>
          <Rollout deployment={deployment} rings={rings.items} />
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
            <PackageAndEvidence deployment={deployment} api={api} />
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
            entries={[['Workflow', <WorkflowLink id={deployment.workflow_id} ui={options.workflowsUrl} />]]}
          />
          <details>
            <summary>Selection and plan</summary>
            <Values
              caption="Selection and plan"
              value={{ selection: deployment.selection, plan: deployment.plan }}
            />
          </details>
        </Section>
      </Page>,
    );
  });

  app.post(`${PATH}/:id/decide`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    const { comment = '', pause_after_ring, max_per_minute } = await fields(c);
    const conditions = {
      ...(pause_after_ring === undefined ? {} : { pause_after_ring }),
      ...(max_per_minute === undefined ? {} : { max_per_minute: Number(max_per_minute) }),
    };
    await c.var.api.post(`/deployments/${id}/decisions`, decisionSchema, {
      decision: 'approve',
      comment,
      ...(Object.keys(conditions).length > 0 ? { conditions } : {}),
    });
    return c.redirect(`${PATH}/${id}`, 303);
  });

  app.get(`${PATH}/:id/reject`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    const [deployment, rings] = await deploymentAndRings(c.var.api, id);
    const { all } = standingOf(rings);
    return c.html(
      <Confirm
        operator={c.var.operator}
        section={PATH}
        title={`Reject ${deployment.name}?`}
        verb="Reject this deployment"
        back={`${PATH}/${id}`}
        field={<Field name="comment" label="Comment" />}
      >
        {`${deployment.package_name} ${deployment.package_version} goes to no device; it was meant for `}
        {all === 1 ? 'one so far' : `${all.toLocaleString('en')} so far`}. That is final: whoever wants it
        makes a deployment anew.
      </Confirm>,
    );
  });
  app.post(`${PATH}/:id/reject`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    const { comment = '' } = await fields(c);
    await c.var.api.post(`/deployments/${id}/decisions`, decisionSchema, { decision: 'reject', comment });
    return c.redirect(`${PATH}/${id}`, 303);
  });

  app.get(`${PATH}/:id/words/:word{pause|resume|abort|roll_back}`, async (c) => {
    const word = c.req.param('word') as OperatorWord;
    const id = encodeURIComponent(c.req.param('id'));
    const [deployment, rings] = await deploymentAndRings(c.var.api, id);
    const { verb } = WORDS[word];
    return c.html(
      <Confirm
        operator={c.var.operator}
        section={PATH}
        title={`${verb} ${deployment.name}?`}
        verb={`${verb} this deployment`}
        back={`${PATH}/${deployment.id}`}
      >
        {effectOf(word, deployment, rings)}
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
