import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { AgentProcess } from '../../cli/demo/agent-process.ts';
import { PROGRAM_FILE, programDescription, programSource } from '../../cli/demo/program.ts';
import { KNOWN_ADVISORIES, writeTrivyDatabase } from '../../cli/demo/trivy-database.ts';
import { eucora } from '../cli/commands/support/session.ts';
import { Rig, UNLIMITED } from '../crash/support/rig.ts';
import { launch, lookAt, watchedPage } from './support/browser.ts';

const AGENT_FILE = resolve(__dirname, '../../dist/agent/eucora-agent.mjs');
/** For machines that others use as well; nothing is judged by how long it takes. */
const PATIENCE_MS = 240_000;
const LEFTOVER = `const server = require('node:net').createServer().listen(0, '127.0.0.1', () => console.log(server.address().port));`;
const SERVICE = `import { createServer } from 'node:http';
const port = Number(process.argv[2]);
const server = createServer();
server.on('error', (error) => {
  console.error('service: cannot listen: port ' + port + ' is already in use (' + error.code + ')');
  process.exit(1);
});
server.listen(port, '127.0.0.1', () => server.close());
`;

let rig: Rig;
let folder: string;
let browser: Browser;
let agent: AgentProcess | undefined;
let leftover: ChildProcess | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eucora-story-'));
  await writeTrivyDatabase(join(folder, 'trivy'), KNOWN_ADVISORIES, new Date());
  rig = await Rig.start({
    ...UNLIMITED,
    EUCORA_TRIVY_CACHE_DIR: join(folder, 'trivy'),
    EUCORA_HEARTBEAT_INTERVAL_SECONDS: '1',
    // Every deployment needs a second person.
    EUCORA_CAB_RISK_THRESHOLD: '0',
    EUCORA_INCIDENT_OBSERVE_SECONDS: '1',
  });
  browser = await launch();
}, 600_000);
afterAll(async () => {
  await browser?.close();
  leftover?.kill('SIGKILL');
  await agent?.stop();
  await rig?.dispose();
  await rm(folder, { recursive: true, force: true });
}, 600_000);

/** A person with a browser of their own, logged in with a token. */
async function person(token: string): Promise<{ page: Page; complaints: string[] }> {
  const watched = await watchedPage(await browser.newContext());
  const { page } = watched;
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`${rig.endpoints.operator_api}/console/login`);
  await page.getByLabel('Operator token').fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'Fleet', level: 1 }).waitFor();
  return watched;
}

/** A port that a process of its own holds. */
async function takenPort(): Promise<number> {
  const holder = spawn(process.execPath, ['-e', LEFTOVER], { stdio: ['ignore', 'pipe', 'ignore'] });
  leftover = holder;
  const [told] = await once(holder.stdout, 'data');
  return Number(told);
}

it('an operator goes from a token to a deployed package to a handled incident, a second person beside', async () => {
  const adminToken = (await readFile(rig.endpoints.admin_token_file, 'utf8')).trim();
  const first = await person(adminToken);
  const { page } = first;
  const open = (path: string) => page.goto(rig.endpoints.operator_api + path);
  const seen = (name: string, who = first) => lookAt(who, `story-${name}`);

  // A token for the machine, shown once; the agent enrols with it, and the page shows that by itself.
  await page.getByRole('link', { name: 'Settings' }).first().click();
  const enrolment = page.locator('form[action$="/enrolment-tokens"]');
  await enrolment.getByLabel('Name').fill('branch office');
  await enrolment.getByLabel('Tag of its agents').fill('site=zurich');
  await enrolment.getByRole('button').click();
  const registrationKey = (await page.locator('.secret').textContent()) ?? '';
  // And one for a colleague who may approve.
  const operators = page.locator('form[action$="/operator-tokens"]');
  await operators.getByLabel('Name').fill('second person');
  await operators.getByLabel('approver').check();
  await operators.getByRole('button').click();
  const second = await person((await page.locator('.secret').textContent()) ?? '');
  await page.getByRole('link', { name: 'Fleet' }).first().click();
  await page.getByText('No agent has enrolled yet').waitFor();
  await page.locator('body.is-live').waitFor();
  agent = new AgentProcess({
    file: AGENT_FILE,
    home: join(folder, 'agent'),
    logFile: join(folder, 'agent.log'),
    server: rig.endpoints.agent_api,
    ca: rig.endpoints.ca_certificate,
    registrationKey,
    installRoot: join(folder, 'root'),
  });
  agent.start();
  await page.getByText('100 % online').waitFor();
  await seen('fleet');

  // A package by the command that the page names; its pipeline builds, signs and scans with the real tools.
  await open('/console/packages');
  await page.getByText('eucora packages build').waitFor();
  const description = join(folder, 'description.json');
  await writeFile(description, JSON.stringify(programDescription('deb', '1.0.0')));
  const source = await programSource(folder, '1.0.0', '4.17.21');
  const built = await eucora(
    undefined,
    ['packages', 'build', '--source', source, '--description', description, '--json'],
    { env: { EUCORA_API: rig.endpoints.operator_api, EUCORA_TOKEN: adminToken } },
  );
  expect([built.code, built.stderr]).toEqual([0, '']);
  await page.reload();
  await page.locator('tbody a').first().click();
  await page.locator('body.is-live').waitFor();
  await page.locator('.is-passed').waitFor();
  await page.reload();
  await page.getByText('Verified.').waitFor();
  await seen('package');

  // Deployed from the page of the package; who made the deployment is refused, the second person approves.
  await page.getByRole('link', { name: 'Deploy…' }).click();
  await page.getByLabel(/^With this tag/).fill('site=zurich');
  await page.getByLabel('Minutes to watch each ring').fill('0');
  await page.getByRole('button', { name: 'Make the deployment' }).click();
  await page.getByRole('heading', { name: 'Risk' }).waitFor();
  const deployment = page.url();
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByText('four-eyes-required').waitFor();
  first.complaints.splice(0);
  await second.page.goto(deployment);
  await second.page.getByText('blast radius').waitFor();
  await seen('approval', second);
  await second.page.getByLabel('Comment').fill('evidence looked at');
  await second.page.getByRole('button', { name: 'Approve' }).click();
  await second.page.getByText('evidence looked at', { exact: true }).waitFor();
  await page.goto(deployment);
  await page.locator('body.is-live').waitFor();
  await page.locator('[data-topic^="deployment:"] dd .status', { hasText: 'COMPLETED' }).waitFor();
  await seen('deployment');
  expect(existsSync(join(folder, 'root', PROGRAM_FILE))).toBe(true);

  // A task for the machine fails, because something holds the port that its service needs.
  const port = await takenPort();
  const service = join(folder, 'service.mjs');
  await writeFile(service, SERVICE);
  await open('/console/agents?tag=site%3Dzurich');
  await page.getByLabel(/^Select /).check();
  await page.getByRole('button', { name: 'Task for the selected agents…' }).click();
  await page.locator('select[name=task_type]').selectOption('REMEDIATE');
  const script = `exec '${process.execPath}' '${service}' ${port}`;
  await page
    .getByLabel(/^Payload/)
    .fill(JSON.stringify({ package_name: 'report-service', interpreter: 'sh', script }));
  await page.getByRole('button', { name: 'Create the task' }).click();
  await page.getByRole('link', { name: 'REMEDIATE' }).click();
  await page.locator('[data-topic^="task:"] dd .status', { hasText: 'FAILED' }).waitFor();
  await seen('failed-task');

  // It became an incident, whose suggested remedy frees the port; then the task is done again.
  for (;;) {
    await open('/console/incidents?status=AWAITING_DECISION');
    if ((await page.locator('tbody a').count()) > 0) break;
    await delay(1_000);
  }
  await page.locator('tbody a').first().click();
  await page.locator('body.is-live').waitFor();
  await seen('incident');
  const suggestion = page.locator('select[name=suggestion_id]');
  await suggestion.selectOption({
    label: (await suggestion.locator('option[value]:not([value=""])').first().textContent()) ?? '',
  });
  await page.getByRole('button', { name: 'Approve for one device' }).click();
  await page.locator('[data-topic^="incident:"] dd .status', { hasText: 'RESOLVED' }).waitFor();
  await seen('incident-resolved');
  // Its end may be told to the agent before it is to us.
  if (leftover?.exitCode === null && leftover.signalCode === null) await once(leftover, 'exit');

  // All of it is in the audit, by whom.
  await open('/console/audit?action=deployment.approve');
  await page.locator('tbody tr', { hasText: 'second person' }).first().waitFor();
}, 600_000);
