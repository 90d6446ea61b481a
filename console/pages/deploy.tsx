import { type Deployment, deploymentSchema } from '../../contracts/deployment/deployment.ts';
import { rolloutPlanRecordSchema } from '../../contracts/fleet-file/fleet-file.ts';
import { pipelineSchema } from '../../contracts/packaging-pipeline/pipeline.ts';
import type { Api } from '../api.ts';
import { Field } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { ProblemNote, Section } from '../components/parts.tsx';
import { ApiProblem } from '../problem.ts';
import { fields } from '../query.ts';
import type { AddPages } from '../types.ts';

const PATH = '/console/packages';
const MAX_PLANS = 100;

/** What the form holds at first: three rings of growing size. */
const DEFAULTS = { first: '1', percent: '10', soak_minutes: '60' };

async function DeployForm({ api, path, form }: { api: Api; path: string; form: Record<string, string> }) {
  const plans = await api.page('/rollout-plans', rolloutPlanRecordSchema, { limit: MAX_PLANS });
  return (
    <form method="post" action={path}>
      <Section title="To which machines">
        <div class="stack">
          <Field
            name="tag"
            label="With this tag (empty: all of the package’s platform)"
            hint="site=zurich"
            value={form['tag']}
          />
        </div>
      </Section>
      <Section title="In which rings">
        <div class="stack">
          {plans.items.length === 0 ? null : (
            <label>
              Rollout plan
              <select name="plan_name">
                <option value="">the three rings below</option>
                {plans.items.map(({ name }) => (
                  <option value={name} selected={name === form['plan_name']}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
          )}
          <Field name="first" label="First ring: devices" type="number" min={1} value={form['first']} />
          <Field
            name="percent"
            label="Second ring: percent of all"
            type="number"
            min={1}
            max={100}
            value={form['percent']}
          />
          <Field
            name="soak_minutes"
            label="Minutes to watch each ring"
            type="number"
            min={0}
            value={form['soak_minutes']}
          />
        </div>
        <p>
          The third ring is the rest. Each begins when the one before has passed its gates; a ring that gets
          sick stops the rollout and goes back.
        </p>
      </Section>
      <div class="actions">
        <button type="submit">Make the deployment</button>
      </div>
    </form>
  );
}

/** What the API takes, of what was filled in; it judges the values, and refuses a number that was left out. */
export function requestOf(pipelineId: string, form: Record<string, string>): Record<string, unknown> {
  const { tag, plan_name, first, percent, soak_minutes } = form;
  const selection = tag === undefined ? {} : { tag };
  if (plan_name !== undefined) return { pipeline_id: pipelineId, selection, plan_name };
  const ring = (name: string, size: object) => ({ name, size, soak_seconds: Number(soak_minutes) * 60 });
  const rings = [
    ring('first', { count: Number(first) }),
    ring('second', { percent: Number(percent) }),
    ring('rest', { rest: true }),
  ];
  return { pipeline_id: pipelineId, selection, plan: { rings } };
}

export const addDeploy: AddPages = (app) => {
  app.get(`${PATH}/:id{[0-9a-f-]{36}}/deploy`, async (c) => {
    const { api, operator } = c.var;
    const id = c.req.param('id');
    const pipeline = await api.get(`/packaging-pipelines/${id}`, pipelineSchema);
    return c.html(
      <Page
        title={`Deploy ${pipeline.package_name} ${pipeline.package_version}`}
        section={PATH}
        operator={operator}
      >
        {await DeployForm({ api, path: `${PATH}/${id}/deploy`, form: DEFAULTS })}
      </Page>,
    );
  });

  app.post(`${PATH}/:id{[0-9a-f-]{36}}/deploy`, async (c) => {
    const { api, operator } = c.var;
    const id = c.req.param('id');
    const form = await fields(c);
    let made: Deployment;
    try {
      made = await api.post('/deployments', deploymentSchema, requestOf(id, form));
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.problem.status === 401) throw error;
      return c.html(
        <Page title="Deploy" section={PATH} operator={operator}>
          <ProblemNote problem={error.problem} />
          {await DeployForm({ api, path: `${PATH}/${id}/deploy`, form })}
        </Page>,
        error.problem.status as 422,
      );
    }
    return c.redirect(`/console/deployments/${made.id}`, 303);
  });
};
