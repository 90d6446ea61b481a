import { rolloutPlanSchema } from '../../contracts/deployment/deployment.ts';
import { World } from '../api/support/world.ts';
import { Fleet } from '../db/support/fleet.ts';
import { Trouble } from '../db/support/incidents.ts';
import { Rollouts, ring } from '../db/support/rollout.ts';
import { Visitor } from './support/visitor.ts';

// Browsers are slow on busy machines.
jest.setTimeout(120_000);

/** Of several lines, as people write it; the suggestion that it is compared with is the last one alone. */
const SCRIPT = 'set -e\nsystemctl restart app\ntrue';
const ATTACK = `"><img src=x onerror=alert(1)><script>alert(2)</script>`;

describe('Packages, deployments and incidents in a browser', () => {
  let world: World;
  let visitor: Visitor;
  let rollouts: Rollouts;
  let trouble: Trouble;

  beforeAll(async () => {
    // Every deployment needs a decision.
    world = await World.start({ overrides: { EUCORA_CAB_RISK_THRESHOLD: '0' } });
    rollouts = new Rollouts(world.api.database);
    trouble = new Trouble(new Fleet(world.api.database));
    visitor = await Visitor.arrive(world);
    await visitor.logIn(await world.token('admin'));
  });
  afterAll(async () => {
    await visitor?.leave();
    await world?.dispose();
  });

  it('says how to begin where there is nothing', async () => {
    for (const [name, path, words] of [
      ['packages-empty', '/console/packages', 'eucora packages build'],
      ['deployments-empty', '/console/deployments', 'eucora deployments create'],
      ['incidents-empty', '/console/incidents', 'open one by themselves'],
      ['exceptions-empty', '/console/exceptions', 'another person approves'],
    ] as const) {
      await visitor.visit(path);
      await visitor.page.getByText(words).waitFor();
      await visitor.look(name);
    }
  });

  it('shows a package with its findings, evidence and log', async () => {
    const id = await rollouts.pipeline({
      name: ATTACK,
      findings: { critical: 0, high: 2, medium: 1, low: 0, unknown: 0 },
    });
    await visitor.visit('/console/packages');
    await visitor.look('packages');
    await visitor.visit(`/console/packages/${id}`);
    await visitor.page.getByText('PASSED').first().waitFor();
    await visitor.look('package');
  });

  it('has an exception requested by one person and approved by another', async () => {
    await visitor.visit('/console/exceptions');
    const { page } = visitor;
    const form = page.locator('form[action="/console/exceptions"][method="post"]');
    await form.getByLabel('Package').fill('tool');
    await form.getByLabel('Findings').fill('CVE-2026-1, CVE-2026-2');
    await form.getByLabel('Why').fill('not reachable');
    await form.getByRole('button').click();
    await page.getByText('CVE-2026-1, CVE-2026-2').waitFor();
    await visitor.press('Approve');
    await page.getByRole('alert').waitFor();
    visitor.complaints.splice(0);
    const other = await Visitor.arrive(world);
    try {
      await other.logIn(await world.token('approver'));
      await other.visit('/console/exceptions');
      await other.press('Approve');
      await other.page.locator('td .status', { hasText: 'APPROVED' }).waitFor();
      await other.look('exceptions');
    } finally {
      await other.leave();
    }
  });

  it('is deployed from its page by rings or by a plan, and told what is wrong', async () => {
    await rollouts.online(1);
    const id = await rollouts.pipeline({ name: 'deployable' });
    const { page } = visitor;
    await visitor.visit(`/console/packages/${id}`);
    await page.getByRole('link', { name: 'Deploy…' }).click();
    await page.getByLabel(/^With this tag/).fill('no tag');
    await visitor.press('Make the deployment');
    await page.getByText('validation-failed').waitFor();
    visitor.complaints.splice(0);
    await page.getByLabel(/^With this tag/).fill('');
    await page.getByLabel('First ring: devices').fill('2');
    await visitor.look('deploy');
    await visitor.press('Make the deployment');
    await page.getByText('blast radius').waitFor();
    await page.locator('summary', { hasText: 'Selection and plan' }).click();
    await page.getByRole('row', { name: 'plan.rings.1.size.count 2' }).waitFor();
    const plan = rolloutPlanSchema.parse({ rings: [ring('everybody', { rest: true })] });
    await world.api.database.pool.query(
      `INSERT INTO rollout_plan (name, plan, updated_by, updated_at) VALUES ('careful', $1, 'test', now())`,
      [JSON.stringify(plan)],
    );
    await visitor.visit(`/console/packages/${await rollouts.pipeline({ name: 'planned' })}/deploy`);
    await page.getByLabel('Rollout plan').selectOption('careful');
    await visitor.press('Make the deployment');
    await page.locator('[data-topic] strong', { hasText: 'everybody' }).waitFor();
  });

  it('shows by itself that an incident has moved on', async () => {
    const { id } = await trouble.waiting(1);
    const { page } = visitor;
    await visitor.visit(`/console/incidents/${id}`);
    await page.locator('body.is-live').waitFor();
    expect(await page.locator('#moved-on').isVisible()).toBe(false);
    // Devices join without an audit event of the incident.
    // Twice: the first may be what the stream begins with.
    for (const count of [7, 8]) {
      await world.api.database.pool.query('UPDATE incident SET device_count = $2 WHERE id = $1', [id, count]);
      await page.locator('[data-topic]').getByText(`${count} (1 failures)`).waitFor();
    }
    const said = await world.operator(`/api/v1/incidents/${id}/reject`, { body: { reason: 'known' } });
    expect(said.status).toBe(200);
    await page.getByRole('link', { name: 'Show all of it anew' }).click();
    await page.locator('[data-topic] .status', { hasText: 'REJECTED' }).waitFor();
  });

  it('has a deployment approved beside its risk, shows its rings fill, and rolls it back', async () => {
    await rollouts.online(3);
    const hostile = await rollouts.fleet.enrol({}, { hostname: ATTACK });
    await rollouts.fleet.heartbeat(hostile);
    const pipeline = await rollouts.pipeline();
    const creation = await rollouts.create({
      pipeline_id: pipeline,
      plan: { rings: [ring('first', { count: 1 }), ring('rest', { rest: true })] },
    });
    if (creation.kind !== 'created') throw new Error(creation.kind);
    const { id } = creation.deployment;
    await visitor.visit('/console/deployments');
    await visitor.look('deployments');
    await visitor.visit(`/console/deployments/${id}`);
    await visitor.page.getByText('blast radius').waitFor();
    await visitor.look('deployment-approval');
    await visitor.page.getByLabel('Comment').fill('looks right');
    await visitor.press('Approve');
    await visitor.page.getByText('looks right', { exact: true }).waitFor();
    const live = visitor.page.locator('[data-topic^="deployment:"]');
    await live.getByText('ROLLING OUT').first().waitFor();
    await visitor.page.locator('body.is-live').waitFor();
    await rollouts.settle(id);
    await rollouts.work(id);
    await rollouts.settle(id);
    await live.getByText('1 installed').first().waitFor();
    // A ring may hold without an audit event.
    await world.api.database.pool.query(
      `UPDATE deployment_ring SET reason = 'Held: outside of the window' WHERE deployment_id = $1`,
      [id],
    );
    await live.getByText('Held: outside of the window').first().waitFor();
    await visitor.page.reload();
    const devices = visitor.page.getByRole('table', { name: 'Devices', exact: true });
    await devices.getByText(ATTACK, { exact: true }).waitFor();
    await visitor.look('deployment');
    await visitor.page.getByRole('link', { name: 'Roll back…' }).click();
    await visitor.page.getByText(/^Touched by the package, .*: one device\. .*Left alone: /).waitFor();
    await visitor.look('deployment-confirm');
    await visitor.press('Roll back this deployment');
    await live.getByText('ROLLING BACK').first().waitFor();
  });

  it('has an incident understood, its remedy edited under the guardrails, and approved', async () => {
    const { id } = await trouble.waiting(2, `cannot open ${ATTACK}`);
    const { page } = visitor;
    await visitor.visit('/console/incidents');
    await visitor.look('incidents');
    await visitor.visit(`/console/incidents/${id}`);
    await page.getByText('A dependency is missing').waitFor();
    await visitor.look('incident');
    await page.locator('textarea[name=script]').fill(SCRIPT);
    await page.locator('textarea[name=verification]').fill('systemctl is-active app');
    await visitor.press('Compare');
    await page.locator('.diff .added', { hasText: 'systemctl restart app' }).waitFor();
    // Only what was written is marked, and nothing can be approved that is not what is shown.
    expect(await page.locator('.diff').first().textContent()).toBe(
      '+ set -e\n+ systemctl restart app\n  true\n',
    );
    expect(await page.getByRole('button', { name: /^Approve/ }).count()).toBe(0);
    await visitor.look('incident-diff');
    await page.locator('textarea[name=script]').fill('rm -rf /');
    await visitor.press('Save as a suggestion');
    await page.getByText('remedy-blocked').waitFor();
    visitor.complaints.splice(0);
    await page.locator('textarea[name=script]').fill(SCRIPT);
    await visitor.press('Save as a suggestion');
    await page.getByText('Written by').first().waitFor();
    // A shell of a device takes no CR, which browsers send at the end of each line.
    expect((await trouble.show(id)).suggestions[0]).toMatchObject({
      script: SCRIPT,
      verification: 'systemctl is-active app',
    });
    await page.getByText('systemctl is-active app').first().waitFor();
    await page.locator('select[name=suggestion_id]').selectOption({ index: 0 });
    await page.getByRole('button', { name: /^Approve for 2 devices/ }).click();
    await page.getByText('CANARY').first().waitFor();
    await visitor.look('incident-approved');
  });

  it('lets an incident be asked about again, and rejected', async () => {
    const { id } = await trouble.waiting(1);
    const { page } = visitor;
    await visitor.visit(`/console/incidents/${id}`);
    await page.getByLabel('What it should do otherwise').fill('without a restart');
    await visitor.press('Ask again');
    await page.getByText('OPENED').first().waitFor();
    await trouble.analysed(id);
    await visitor.visit(`/console/incidents/${id}`);
    await page.getByRole('link', { name: 'Reject…' }).click();
    await page.getByText('no device gets a remedy').waitFor();
    await visitor.look('incident-reject');
    await page.getByLabel('Reason').fill('known, will be replaced');
    await visitor.press('Reject the incident');
    await page.getByText('REJECTED').first().waitFor();
  });

  it('leaves decisions to approvers', async () => {
    const { id } = await trouble.waiting(1);
    const operator = await Visitor.arrive(world);
    try {
      await operator.logIn(await world.token('operator'));
      await operator.visit(`/console/incidents/${id}`);
      expect(await operator.page.getByRole('link', { name: 'Reject…' }).count()).toBe(0);
      expect(await operator.page.getByRole('button', { name: /^Approve/ }).count()).toBe(0);
      const refused = await operator.page.request.post(
        `${world.api.operatorUrl}/console/incidents/${id}/reject`,
        {
          headers: { origin: world.api.operatorUrl },
          form: { reason: 'x' },
        },
      );
      expect(refused.status()).toBe(403);
    } finally {
      await operator.leave();
    }
  });
});
