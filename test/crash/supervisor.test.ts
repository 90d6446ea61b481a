import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Identity, StubbornAgent } from './support/agent.ts';
import { unexpected } from './support/insist.ts';
import { proveEnded } from './support/proof.ts';
import { Reach, scratchFolder, UNLIMITED } from './support/rig.ts';
import { Supervisor } from './support/supervisor.ts';

const SETTINGS = { ...UNLIMITED, EUCORA_HEARTBEAT_INTERVAL_SECONDS: '1' };
/** API and worker drain, then the engines: the longest that a child may outlive its supervisor. */
const GONE_WITHIN_MS = 30_000;

let dataDir: string;
let supervisor: Supervisor | undefined;
let reach: Reach | undefined;

beforeAll(async () => {
  dataDir = await scratchFolder();
});

afterAll(async () => {
  await supervisor?.stop();
  await closeReach();
  for (const path of [dataDir, `${dataDir}.log`]) await rm(path, { recursive: true, force: true });
});

async function start(): Promise<Reach> {
  supervisor = await Supervisor.start(dataDir, SETTINGS);
  reach = new Reach(supervisor.endpoints, supervisor.databaseUrl);
  return reach;
}

async function closeReach(): Promise<void> {
  await reach?.close();
  reach = undefined;
}

async function childrenAreGone(killed: Supervisor): Promise<number> {
  const begun = performance.now();
  while ((await killed.survivors()).length > 0) {
    if (performance.now() - begun > GONE_WITHIN_MS) break;
    await delay(50);
  }
  expect(await killed.survivors()).toEqual([]);
  return Math.round(performance.now() - begun);
}

async function take(agent: StubbornAgent, tasks: readonly string[]): Promise<void> {
  for (const task of tasks) await agent.untilGiven(task);
}

test('after SIGKILL of the supervisor its children end by themselves, and a second start goes on', async () => {
  const first = await start();
  const killed = supervisor;
  if (killed === undefined) throw new Error('not started');
  const [worker, waiter, loser] = (await first.enrol(3)) as [Identity, Identity, Identity];
  const create = (agent: Identity) => first.createTask({ agent_id: agent.id, max_retries: 20 });
  const started = await create(worker);
  const lost = await create(loser);
  const before = { worker: first.agent(worker), loser: first.agent(loser) };
  await take(before.worker, [started]);
  await before.worker.say(started, 'start');
  await take(before.loser, [lost]);
  const pending = await create(waiter);

  await killed.kill();
  const goneMs = await childrenAreGone(killed);
  await closeReach();
  for (const agent of Object.values(before)) await agent.close();

  const begun = performance.now();
  const second = await start();
  const startMs = Math.round(performance.now() - begun);
  const agents = [second.agent(worker), second.agent(waiter), second.agent(loser)] as const;
  await agents[0].say(started, 'progress', 'complete');
  await agents[1].untilGiven(pending);
  await agents[1].say(pending, 'start', 'fail');
  await agents[2].untilGiven(lost);
  await agents[2].say(lost, 'start', 'complete');
  const ended = await proveEnded(second, [started, pending, lost]);
  expect([started, pending, lost].map((task) => ended.get(task)?.status)).toEqual([
    'COMPLETED',
    'FAILED',
    'COMPLETED',
  ]);
  for (const agent of agents) await agent.close();
  expect(unexpected).toEqual([]);
  process.stderr.write(`children gone after ${goneMs} ms, second start ready after ${startMs} ms\n`);
}, 240_000);

test('a second start that comes before the children of a killed one have gone ends them and goes on', async () => {
  const first = reach;
  const killed = supervisor;
  if (first === undefined || killed === undefined) throw new Error('the test before did not start it');
  const [identity] = (await first.enrol(1)) as [Identity];
  const task = await first.createTask({ agent_id: identity.id, max_retries: 20 });
  await killed.kill();
  await closeReach();
  const second = await start();
  expect(await killed.survivors()).toEqual([]);
  const agent = second.agent(identity);
  await agent.untilGiven(task);
  await agent.say(task, 'start', 'complete');
  await proveEnded(second, [task]);
  await agent.close();
}, 240_000);
