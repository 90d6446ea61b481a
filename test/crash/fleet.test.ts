import { setTimeout as delay } from 'node:timers/promises';
import { BusyAgent, type Figures } from './support/busy-agent.ts';
import { unexpected } from './support/insist.ts';
import { proveEnded } from './support/proof.ts';
import { seedOfRun } from './support/random.ts';
import { Rig } from './support/rig.ts';

const AGENTS = 100;
const TASKS = 1_000;
const CREATING_AT_ONCE = 20;

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start({ EUCORA_HEARTBEAT_INTERVAL_SECONDS: '1', EUCORA_OFFLINE_AFTER_SECONDS: '30' });
}, 120_000);

afterAll(() => rig?.dispose());

test('1,000 tasks for 100 agents: none is lost or doubled while the worker is killed twice and the API once', async () => {
  const seed = seedOfRun();
  process.stderr.write(`seed ${seed} (EUCORA_TEST_SEED=${seed} repeats the agents' choices)\n`);
  const identities = await rig.enrol(AGENTS);
  const figures: Figures = { ended: 0, answersLost: 0, givenAgain: 0 };
  const agents = identities.map(
    (identity, index) => new BusyAgent(rig.agent(identity), seed + index, figures),
  );
  const begun = performance.now();
  const working = Promise.all(agents.map((agent) => agent.run()));

  const killing = (async () => {
    for (const [share, victim] of [
      [0.1, 'api'],
      [0.3, 'worker'],
      [0.6, 'worker'],
    ] as const) {
      while (figures.ended < share * TASKS) await delay(20);
      await rig.strike(victim);
    }
  })();

  const taskIds: string[] = [];
  let asked = 0;
  const create = async (): Promise<void> => {
    while (asked < TASKS) {
      const agent_id = identities[asked % AGENTS]?.id ?? '';
      asked += 1;
      taskIds.push(await rig.createTask({ agent_id, max_retries: 100 }));
    }
  };
  const finishing = (async () => {
    await Promise.all(Array.from({ length: CREATING_AT_ONCE }, create));
    const createdMs = performance.now() - begun;
    process.stderr.write(`created after ${createdMs.toFixed(0)} ms\n`);
    await killing;
    while (figures.ended < TASKS) await delay(50);
  })();
  await Promise.race([finishing, working]);
  const workedMs = performance.now() - begun;

  const ended = await proveEnded(rig, taskIds);
  const provenMs = performance.now() - begun;
  for (const agent of agents) agent.stop();
  await working;

  const said = new Map(agents.flatMap(({ executions }) => [...executions]));
  expect(agents.reduce((sum, { executions }) => sum + executions.size, 0)).toBe(TASKS);
  const wrong = [...ended.values()].filter(({ id, status }) => {
    const execution = said.get(id);
    return execution?.times !== 1 || execution.ending !== status;
  });
  expect(wrong).toEqual([]);
  expect(figures.answersLost).toBeGreaterThan(0);
  expect(figures.givenAgain).toBeGreaterThan(0);
  expect(unexpected).toEqual([]);
  process.stderr.write(
    `${TASKS} tasks by ${AGENTS} agents in ${(workedMs / 1_000).toFixed(1)} s ` +
      `(${((TASKS * 1_000) / workedMs).toFixed(0)}/s, three kills included), workflows closed and proven after ` +
      `${(provenMs / 1_000).toFixed(1)} s; ${figures.answersLost} heartbeat answers lost, ` +
      `${figures.givenAgain} tasks handed over again\n`,
  );
}, 300_000);
