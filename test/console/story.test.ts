import type { Browser, Page } from 'playwright-core';
import { World } from '../api/support/world.ts';
import { Fleet } from '../db/support/fleet.ts';
import { newKeyAndRequest, type TestAgent } from '../harness/agent-client.ts';
import { eventually } from '../harness/eventually.ts';
import { launch, lookAt, watchedPage } from './support/browser.ts';

// Browsers are slow on busy machines.
jest.setTimeout(120_000);

const ATTACK = `"><img src=x onerror=alert(1)><script>alert(2)</script>'{{7*7}}`;

describe('The console in a browser', () => {
  let world: World;
  let browser: Browser;
  let page: Page;
  let complaints: string[];
  let agent: TestAgent;

  beforeAll(async () => {
    world = await World.start({ overrides: { TEMPORAL_UI_URL: 'http://127.0.0.1:9' } });
    browser = await launch();
    ({ page, complaints } = await watchedPage(await browser.newContext()));
  });
  afterAll(async () => {
    await browser?.close();
    await world?.dispose();
  });

  const visit = (path: string) => page.goto(world.api.operatorUrl + path);
  const logIn = async (token: string) => {
    await visit('/console/login');
    await page.getByLabel('Operator token').fill(token);
    await page.getByRole('button', { name: 'Log in' }).click();
  };
  const seen = (name: string) => lookAt({ page, complaints }, name);
  /** A critical agent that enrols, is heard once, and is then silent for too long. */
  const lose = async (hostname: string) => {
    const lost = await world.enrol({ hostname, tags: { critical: true } });
    await lost.heartbeat();
    await world.api.database.pool.query(
      `UPDATE agent_presence SET last_heartbeat_at = now() - interval '10 minutes' WHERE agent_id = $1`,
      [lost.id],
    );
    const fleet = new Fleet(world.api.database);
    await fleet.listen();
    expect((await fleet.expire()).expired).toBe(1);
  };

  it('asks who is there, refuses a wrong token, and leads on to the page that was asked for', async () => {
    await visit('/console/agents?platform=linux');
    expect(page.url()).toContain('/console/login?next=');
    await page.getByLabel('Operator token').fill('op_wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').waitFor();
    // The browser notes the answer's status itself.
    expect(complaints.splice(0)).toEqual([expect.stringContaining('401')]);
    await seen('login');
    await page.getByLabel('Operator token').fill(await world.token('admin'));
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { name: 'Agents', level: 1 }).waitFor();
    expect(page.url()).toContain('platform=linux');
  });

  it('says what to do first where there is nothing', async () => {
    await visit('/console');
    await page.getByText('No agent has enrolled yet').waitFor();
    await seen('fleet-empty');
  });

  it('makes an enrolment token, shown once', async () => {
    await visit('/console/settings');
    const form = page.locator('form[action$="/enrolment-tokens"]');
    await form.getByLabel('Name').fill('branch office');
    await form.getByLabel('Tag of its agents').fill('site=zurich');
    await form.getByRole('button').click();
    const token = await page.locator('.secret').textContent();
    await seen('settings');
    const { status } = await world.register({ registration_key: token });
    expect(status).toBe(201);
    await visit('/console/settings');
    await page.getByText('1 of 1').waitFor();
    expect(await page.content()).not.toContain(token);
  });

  it('shows what hostile agents report as text on every page', async () => {
    agent = await world.enrol({
      hostname: `evil${ATTACK}`,
      platform_version: ATTACK,
      tags: { site: ATTACK },
    });
    await agent.heartbeat({ last_error: ATTACK, status: 'degraded' });
    await agent.post(`/api/v1/agents/${agent.id}/telemetry`, {
      samples: Array.from({ length: 30 }, (_, index) => ({
        collected_at: new Date(Date.now() - (30 - index) * 300_000).toISOString(),
        cpu_percent: 20 + 15 * Math.sin(index / 3),
        memory_percent: 61,
        disk_percent: 42,
        ...(index === 0
          ? { installed_software: [{ name: ATTACK, version: ATTACK, publisher: ATTACK }] }
          : {}),
      })),
    });
    const task = await world.startedTask(agent);
    await agent.say(task, 'fail', { error_message: ATTACK, result: { log: ATTACK } });
    await agent.post(`/api/v1/agents/${agent.id}/deployment-status`, {
      package_name: ATTACK,
      package_version: ATTACK,
      status: 'FAILED',
      error: ATTACK,
    });
    const { csr } = await newKeyAndRequest();
    await agent.post(`/api/v1/agents/${agent.id}/certificate/renew`, { csr });
    const lost = `lost${ATTACK}`;
    await lose(lost);
    const pages: [name: string, path: string, table?: string][] = [
      ['fleet', '/console', 'Open alerts'],
      ['fleet', '/console', 'Agents that went offline lately'],
      ['agents', '/console/agents'],
      ['agent', `/console/agents/${agent.id}`],
      ['tasks', '/console/tasks'],
      ['task', `/console/tasks/${task}`],
      ['alerts', '/console/alerts', 'Alerts'],
      ['audit', '/console/audit'],
    ];
    for (const [name, path, table] of pages) {
      await visit(path);
      if (table !== undefined)
        await page
          .getByRole('table', { name: table, exact: true })
          .getByText(lost, { exact: true })
          .waitFor();
      await seen(name);
    }
  });

  it('filters by the address', async () => {
    await visit('/console/agents');
    await page.getByLabel('Hostname holds').fill('evil');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.waitForURL((url) => url.searchParams.get('hostname') === 'evil');
    await page.getByRole('button', { name: 'Task for all that fit this filter…' }).click();
    await page.getByText(/agents? that fits?/).waitFor();
    await seen('new-task');
  });

  it('gives the selected agents a task, tells what is wrong with one, and shows it change without reload', async () => {
    await visit('/console/agents?hostname=evil');
    await page.getByLabel(/^Select evil/).check();
    await page.getByRole('button', { name: 'Task for the selected agents…' }).click();
    await page.getByLabel(/^Payload/).fill('{"script": ""');
    await page.getByRole('button', { name: 'Create the task' }).click();
    await page.getByText('The payload is not JSON').waitFor();
    complaints.splice(0);
    await page.locator('select[name=task_type]').selectOption('REMEDIATE');
    await page.getByLabel(/^Payload/).fill('{"script": "true", "interpreter": "sh"}');
    await page.getByRole('button', { name: 'Create the task' }).click();
    await page.getByText('One task was created.').waitFor();
    await page.getByRole('link', { name: 'REMEDIATE' }).click();
    await page.locator('body.is-live').waitFor();
    const live = page.locator('[data-topic^="task:"]');
    await live.getByText('PENDING').first().waitFor();
    const id = page.url().split('/').at(-1) ?? '';
    await agent.heartbeat();
    await agent.say(id, 'start');
    await live.getByText('IN PROGRESS').first().waitFor();
    // Progress is not audited.
    await agent.say(id, 'progress', { percent: 40, message: 'fetching' });
    await live.getByText('40 % fetching').waitFor();
    await agent.say(id, 'complete', { result: { exit_code: 0 } });
    await live.locator('dd .status', { hasText: 'COMPLETED' }).waitFor();
    await seen('task-live');
    await page.getByRole('link', { name: `agent-task/${id}` }).waitFor();
  });

  it('shows the certificate of an agent, and warns before it expires', async () => {
    await visit(`/console/agents/${agent.id}`);
    const section = page.locator('#certificate');
    await section.getByText(`OU=${agent.id}`).waitFor();
    await section.getByText('One before it').click();
    expect(await section.locator('tbody tr').count()).toBe(1);
    const expire = (inDays: number) =>
      world.api.database.pool.query(
        `UPDATE agent_certificate SET not_before = now() - interval '80 days', not_after = now() + $2 * interval '1 day'
         WHERE agent_id = $1`,
        [agent.id, inDays],
      );
    await expire(5.5);
    await page.reload();
    await section.getByText('expires in 5 days').waitFor();
    await section.scrollIntoViewIfNeeded();
    await seen('agent-certificate');
    await expire(-1);
    await page.reload();
    await section.getByText('must enrol anew').waitFor();
  });

  it('edits tags and asks before it destroys', async () => {
    await visit(`/console/agents/${agent.id}`);
    await page.locator('textarea[name=tags]').fill('site=bern\ncritical');
    await page.getByRole('button', { name: 'Save tags' }).click();
    await eventually(async () => {
      expect(await world.operator(`/api/v1/agents/${agent.id}`)).toMatchObject({
        body: { tags: { site: 'bern', critical: true } },
      });
    });
    await page.getByRole('link', { name: 'Revoke…' }).click();
    await page.getByText('One agent loses its certificate').waitFor();
    await seen('confirm');
    await page.getByRole('button', { name: 'Revoke this agent' }).click();
    await page.getByText('REVOKED', { exact: true }).waitFor();
    expect((await agent.heartbeat()).status).toBe(401);
  });

  it('finds audit events by day, and shows a change field by field', async () => {
    await visit('/console/audit?from=2000-01-01&until=2000-01-02');
    await page.getByText('No event fits.').waitFor();
    // Today, and yesterday as well where midnight has just passed.
    const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);
    const [from, until] = [dayOf(Date.now() - 600_000), dayOf(Date.now())];
    await visit(`/console/audit?action=agent.tags&from=${from}&until=${until}`);
    await page.locator('summary', { hasText: 'Show' }).first().click();
    expect(await page.locator('details tr', { hasText: 'tags.site' }).first().textContent()).toMatch(/bern$/);
    await seen('audit-change');
    await visit('/console/audit?from=tomorrow');
    await page.getByText('validation-failed').waitFor();
    complaints.splice(0);
  });

  it('exports the audit as JSON lines', async () => {
    const response = await page.request.get(
      `${world.api.operatorUrl}/console/audit/export?object_id=${agent.id}`,
    );
    const lines = (await response.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ action }) => action)).toContain('agent.revoke');
    expect(lines.every(({ object_id }) => object_id === agent.id)).toBe(true);
  });

  it('works by keyboard alone', async () => {
    await visit('/console');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('content');
  });

  it('shows a viewer nothing that takes more, and does nothing for one either', async () => {
    await page.getByRole('button', { name: 'Log out' }).click();
    await logIn(await world.token('viewer'));
    await visit(`/console/agents/${agent.id}`);
    expect(await page.getByRole('link', { name: 'Delete…' }).count()).toBe(0);
    await visit('/console/settings');
    await page.getByText('allow none of the settings').waitFor();
    const refused = await page.request.post(`${world.api.operatorUrl}/console/agents/${agent.id}/delete`, {
      headers: { origin: world.api.operatorUrl },
      form: {},
    });
    expect(refused.status()).toBe(403);
  });
});
