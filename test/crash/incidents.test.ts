import type { ProcessName } from '../../cli/platform/run-records.ts';
import { completion, type ProviderServer, startProviderServer } from '../ai/support/provider-server.ts';
import type { StubbornAgent } from './support/agent.ts';
import { eventually, unexpected } from './support/insist.ts';
import { proveEnded } from './support/proof.ts';
import { accepted, Rig } from './support/rig.ts';

/** Devices of the incident: one goes first, the others follow. */
const DEVICES = 3;
const ERROR = 'dpkg: dependency problems prevent configuration of app';

const CLASSIFIED = completion({
  category: 'INSTALLATION_FAILURE',
  root_cause: 'A dependency is missing',
  remediation: 'Install it',
  severity: 'medium',
  evidence: ['dependency problems'],
  confidence: 0.95,
});
const SUGGESTED = completion({
  interpreter: 'sh',
  script: 'true',
  explanation: 'Installs what is missing',
  verification: '',
  confidence: 0.95,
});

let provider: ProviderServer;
let rig: Rig;
let agents: StubbornAgent[];

beforeAll(async () => {
  provider = await startProviderServer();
  rig = await Rig.start({
    EUCORA_AI_PROVIDERS: 'compatible,offline',
    EUCORA_AI_COMPATIBLE_URL: `${provider.url}/v1`,
    EUCORA_AI_COMPATIBLE_MODEL: 'm',
    EUCORA_INCIDENT_OBSERVE_SECONDS: '1',
  });
  agents = (await rig.enrol(DEVICES)).map((identity) => rig.agent(identity));
}, 120_000);
afterAll(async () => {
  for (const agent of agents ?? []) await agent.close();
  await rig?.dispose();
  await provider?.close();
});

interface Remedy {
  readonly agent_id: string;
  readonly state: string;
  readonly task_id: string | null;
  readonly verify_task_id: string | null;
}

const incident = (id: string) =>
  rig.operator('GET', `/api/v1/incidents/${id}`).then((answer) => accepted(answer));
const remedies = async (id: string) =>
  accepted(await rig.operator('GET', `/api/v1/incidents/${id}/remedies?limit=100`))['items'] as Remedy[];
const becomes = (id: string, status: string) =>
  eventually(`the incident is ${status}`, 120_000, async () =>
    (await incident(id))['status'] === status ? true : undefined,
  );
const asked = (purpose: 'Classify' | 'Suggest') =>
  provider.heard.filter(({ body }) => body?.messages.some(({ content }) => content.includes(`${purpose} `)))
    .length;

/** Each device takes a task and fails alike. @returns the failed tasks */
async function failAlike(): Promise<string[]> {
  return Promise.all(
    agents.map(async (agent) => {
      const task = await rig.createTask({ agent_id: agent.id });
      await agent.untilGiven(task);
      await agent.say(task, 'start');
      accepted(await agent.ask(task, 'fail', { error_message: ERROR }));
      return task;
    }),
  );
}

/** The tasks that are open on devices now, by what the incident says. */
async function open(id: string): Promise<readonly (readonly [agent: StubbornAgent, task: string])[]> {
  return (await remedies(id)).flatMap(({ agent_id, state, task_id, verify_task_id }) => {
    const task = state === 'REMEDYING' ? task_id : state === 'VERIFYING' ? verify_task_id : null;
    const agent = agents.find((one) => one.id === agent_id);
    return task === null || agent === undefined ? [] : [[agent, task] as const];
  });
}

/** Back at once: what is killed so often is left alone for longer and longer by its supervisor, which is not what is tested here. */
const strike = (...names: readonly ProcessName[]) => Promise.all(names.map((name) => rig.strike(name, 0)));

/** What a heartbeat brought before it was waited for: no other one brings it again until it counts as lost, two minutes later. */
const given = new Set<string>();

/** Does the open tasks of devices while `victims` are killed, until the incident has got so far. */
async function work(id: string, victims: readonly ProcessName[], status: string): Promise<void> {
  const done = new Set<string>();
  await eventually(`the incident is ${status}`, 180_000, async () => {
    if ((await incident(id))['status'] === status) return true;
    for (const [agent, task] of await open(id)) {
      // It has ended already, and the workflow has yet to hear of it.
      if (done.has(task)) continue;
      done.add(task);
      if (!given.has(task)) await agent.untilGiven(task);
      // The words of the first two tasks, a script and a repetition, come while nobody is there.
      const killed = done.size <= 2 ? strike(...victims) : Promise.resolve();
      await agent.say(task, 'start', 'complete');
      await killed;
    }
    for (const agent of agents) for (const task of await agent.heartbeat().catch(() => [])) given.add(task);
    return undefined;
  });
}

test('workers killed in classification, suggestion, waiting, on the first device and on the rest: one end, one set of tasks', async () => {
  provider.answerWith({ hang: true });
  const failed = await failAlike();
  const id = await eventually('the incident is there', 60_000, async () => {
    const { rows } = await rig.database.query<{ id: string; occurrence_count: number }>(
      'SELECT id, occurrence_count FROM incident',
    );
    return rows[0]?.occurrence_count === DEVICES ? rows[0].id : undefined;
  });

  // In the classification: the question has been asked, and whoever asked is killed.
  await eventually('the question is asked', 60_000, async () => asked('Classify') > 0 || undefined);
  provider.answerWith(CLASSIFIED, { hang: true });
  await strike('ai', 'worker');
  // In the suggestion likewise.
  await eventually('the suggestion is asked for', 120_000, async () => asked('Suggest') > 0 || undefined);
  provider.answerWith(SUGGESTED);
  await strike('ai', 'worker');
  await becomes(id, 'AWAITING_DECISION');

  // Waiting: the decision is taken while nobody is there to hear of it.
  const [suggestion] = (await incident(id))['suggestions'] as { id: string }[];
  const struck = strike('worker', 'ai');
  accepted(await rig.operator('POST', `/api/v1/incidents/${id}/approve`, { suggestion_id: suggestion?.id }));
  await struck;

  await work(id, ['worker'], 'ROLLOUT');
  await work(id, ['worker'], 'CLOSED');

  const ended = await incident(id);
  expect(ended).toMatchObject({
    outcome: 'RESOLVED',
    occurrence_count: DEVICES,
    label: 'INSTALLATION_FAILURE',
    remedies: { HEALTHY: DEVICES },
  });
  expect(ended['suggestions']).toHaveLength(1);
  const handle = rig.temporal.workflow.getHandle(String(ended['workflow_id']));
  expect(await handle.result()).toEqual({ outcome: 'RESOLVED', occurrences: DEVICES });
  // One script and one repetition a device, and nothing else that anybody made for it.
  const made = (await remedies(id)).flatMap(({ task_id, verify_task_id }) => [task_id, verify_task_id]);
  expect(new Set(made).size).toBe(2 * DEVICES);
  const { rows } = await rig.database.query<{ id: string }>(
    'SELECT id FROM agent_task WHERE created_by = $1',
    [ended['workflow_id']],
  );
  expect(rows.map((row) => row.id).sort()).toEqual([...made].sort());
  const { rows: said } = await rig.database.query<{ action: string; count: number }>(
    `SELECT action, count(*)::int AS count FROM audit_event WHERE object_id = $1 GROUP BY action ORDER BY action`,
    [id],
  );
  expect(Object.fromEntries(said.map(({ action, count }) => [action, count]))).toMatchObject({
    'incident.open': 1,
    'incident.present': 1,
    'incident.approve': 1,
    'incident.roll_out': 1,
    'incident.resolve': 1,
  });
  await proveEnded(rig, [...failed, ...rows.map((row) => row.id)]);
  expect(unexpected).toEqual([]);
}, 600_000);
