import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Worker } from '@temporalio/worker';
import { createAssistant } from '../../ai/assistant/assistant.ts';
import { createLogger } from '../../runtime/logger.ts';
import { openClient } from '../../runtime/temporal.ts';
import { createAiWorker } from '../../workers/ai/worker.ts';
import { IncidentRelay, type IncidentRelayOptions } from '../../workers/control-plane/incident-relay.ts';
import { createControlPlaneWorker } from '../../workers/control-plane/worker.ts';
import { ensureSearchAttributes } from '../../workers/setup/search-attributes.ts';
import { Fleet } from '../db/support/fleet.ts';
import { DECIDER, Trouble, unique } from '../db/support/incidents.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type DevServer, devServer } from '../harness/engines.ts';
import { eventually } from '../harness/eventually.ts';
import { plainWorkflowBundle } from '../harness/temporal.ts';
import { countEvents } from '../workflows/support/history.ts';

let server: DevServer;
let env: TestWorkflowEnvironment;
let database: TestDatabase;
let trouble: Trouble;
let relay: IncidentRelay;
let bundle: { code: string };
const workers = new Map<Worker, Promise<void>>();

beforeAll(async () => {
  [server, database, bundle] = await Promise.all([
    // So short that a story of some length goes on in another run.
    devServer({ dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': '40' } }),
    createTestDatabase({ EUCORA_INCIDENT_OBSERVE_SECONDS: '1' }),
    plainWorkflowBundle(),
  ]);
  env = await server.environment();
  await ensureSearchAttributes(env.client, 'default');
  trouble = new Trouble(new Fleet(database));
});
afterAll(async () => {
  await stopWorkers();
  await env?.teardown();
  await server?.dispose();
  await database?.dispose();
});
beforeEach(() => {
  relay = relayWith();
});
afterEach(async () => {
  await relay.stop();
  await stopWorkers();
});

function relayWith(options: Partial<IncidentRelayOptions> = {}): IncidentRelay {
  const { incidents } = database.stores;
  return new IncidentRelay({
    client: env.client,
    incidents,
    logger: createLogger('test', 'silent'),
    ...options,
  });
}

/** The real workers: the control plane's, and the one that asks providers, here the offline rules. */
async function startWorkers(which: 'both' | 'control-plane' | 'ai' = 'both'): Promise<void> {
  const { config, stores } = database;
  const common = { connection: env.nativeConnection, namespace: 'default' };
  const made: Worker[] = [];
  if (which !== 'ai') {
    made.push(
      await createControlPlaneWorker({
        ...common,
        config,
        stores,
        client: env.client,
        workflowBundle: bundle,
      }),
    );
  }
  if (which !== 'control-plane') {
    const memory = stores.assistantMemory;
    const assistant = createAssistant(config, { cache: memory, ledger: memory, now: () => new Date() });
    made.push(await createAiWorker({ ...common, incidents: stores.incidents, assistant }));
  }
  for (const worker of made) workers.set(worker, worker.run());
}

it('workers pass heartbeats on often enough for those who wait five seconds for one, and keep no workflow for longer', async () => {
  await startWorkers();
  const options = [...workers.keys()].map((worker) => worker.options);
  // By default four of the five would pass in between.
  expect(options.map((each) => each.maxHeartbeatThrottleIntervalMs)).toEqual([1_000, 1_000]);
  // By default the next step of a workflow waits for a worker that was killed twice as long as its activities do.
  expect(options[0]?.stickyQueueScheduleToStartTimeoutMs).toBe(5_000);
  await stopWorkers();
});

async function stopWorkers(): Promise<void> {
  for (const [worker, running] of workers) {
    worker.shutdown();
    await running;
    workers.delete(worker);
  }
}

const becomes = (id: string, status: string) =>
  eventually(async () => expect(await trouble.show(id)).toMatchObject({ status }), 60);
/** The incident of a device's failure, once it is collected. */
const incidentOf = (task: string) =>
  eventually(async () => {
    const { rows } = await database.pool.query<{ id: string }>(
      'SELECT incident_id AS id FROM incident_occurrence WHERE task_id = $1',
      [task],
    );
    return rows[0]?.id ?? Promise.reject(new Error('Not yet'));
  });
const handleOf = async (id: string) => env.client.workflow.getHandle((await trouble.show(id)).workflow_id);

it('from failures to a closed incident with real workers, each of which is replaced on the way', async () => {
  const error = unique('listen tcp: bind: port 8443 is already in use');
  await trouble.fail(error);
  const [, task] = await trouble.fail(error);
  relay.start();
  relay.start();
  const id = await incidentOf(task);
  // Nobody is there to classify yet; the AI worker comes later than the control plane's.
  await startWorkers('control-plane');
  await eventually(async () =>
    expect(
      await env.client.workflow.count(`EucoraState = 'OPENED' AND WorkflowType = 'incident'`),
    ).toMatchObject({ count: 1 }),
  );
  await startWorkers('ai');
  await becomes(id, 'AWAITING_DECISION');
  const { label, suggestions, workflow_id } = await trouble.show(id);
  expect([label, suggestions[0]?.provider, workflow_id.startsWith('incident/')]).toEqual([
    'CONFIGURATION_ERROR',
    'offline',
    true,
  ]);
  await stopWorkers();
  await trouble.approve(id, { suggestion_id: suggestions[0]?.id ?? '' });
  await startWorkers();
  // On each device the script, then the check that the suggestion has for it; the workers go in between.
  const ran: string[] = [];
  while (ran.length < 4) {
    const [agent, task] = await eventually(async () => {
      for (const { agent_id, state, task_id, verify_task_id } of await trouble.remedies(id)) {
        const present = state === 'REMEDYING' ? task_id : state === 'VERIFYING' ? verify_task_id : null;
        if (present !== null && !ran.includes(present)) return [agent_id, present] as const;
        if (state === 'OBSERVING') await trouble.fleet.heartbeat(agent_id);
      }
      throw new Error('Nothing runs');
    });
    ran.push(task);
    await trouble.run(agent, task);
    await stopWorkers();
    await startWorkers();
  }
  await eventually(async () => {
    for (const { agent_id } of await trouble.remedies(id)) await trouble.fleet.heartbeat(agent_id);
    expect((await trouble.show(id)).status).toBe('CLOSED');
  }, 60);
  const handle = await handleOf(id);
  expect(await handle.result()).toEqual({ outcome: 'RESOLVED', occurrences: 2 });
  const { raw, runId } = await handle.describe();
  expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(runId);
  const tasks = (await trouble.remedies(id)).flatMap(({ task_id, verify_task_id }) => [
    task_id,
    verify_task_id,
  ]);
  expect(tasks.sort()).toEqual(ran.sort());
}, 500_000);

it('500 failures at once are one workflow, told by few signals', async () => {
  const error = unique('no space left');
  const agent = await trouble.fleet.online();
  const [, first] = await trouble.fail(error, agent);
  await database.pool.query(
    `WITH more AS (
       INSERT INTO agent_task (id, agent_id, task_type, status, payload, timeout_seconds, max_retries, correlation_id,
         created_by, created_at, completed_at, error_message)
       SELECT uuid7(), agent_id, task_type, status, payload, timeout_seconds, max_retries, correlation_id, created_by,
         created_at, completed_at, error_message FROM agent_task, generate_series(1, 499) WHERE id = $1 RETURNING id
     ) INSERT INTO incident_inbox SELECT id, now() FROM more`,
    [first],
  );
  const relays = [relay, relayWith()];
  for (const one of relays) one.start();
  const id = await incidentOf(first);
  await eventually(async () => expect(await trouble.show(id)).toMatchObject({ occurrence_count: 500 }));
  await Promise.all(relays.map((one) => one.stop()));
  const handle = await handleOf(id);
  expect(await countEvents(handle, 'workflowExecutionSignaledEventAttributes')).toBeLessThanOrEqual(2);
  const described = await handle.describe();
  expect(await described.staticSummary()).toBe('Alike failures on linux devices');
  await handle.terminate();
  await database.pool.query(`UPDATE incident SET status = 'CLOSED', outcome = 'REJECTED' WHERE id = $1`, [
    id,
  ]);
});

it('while Temporal is away incidents are kept, with growing pauses, and told when it is back', async () => {
  const { client: unreachable, connection } = openClient({
    connection: { address: '127.0.0.1:1' },
    namespace: 'default',
  });
  const away = relayWith({ client: unreachable });
  await trouble.fleet.freeze();
  await trouble.fail(unique('kept'));
  const id = await trouble.collected();
  const pauses = [];
  for (const clock of [0, 20, 40]) {
    await database.setClock(clock);
    expect(await away.relayOnce()).toBe(1);
    const { rows } = await database.pool.query<{ seconds: number }>(
      'SELECT extract(epoch FROM tell_at - now()) AS seconds FROM incident WHERE id = $1',
      [id],
    );
    pauses.push(Number(rows[0]?.seconds));
  }
  expect(pauses).toEqual([0.5, 1, 2]);
  await connection.close();
  await database.setClock(60);
  expect(await relay.relayOnce()).toBeGreaterThanOrEqual(1);
  const handle = await handleOf(id);
  expect((await handle.describe()).status.name).toBe('RUNNING');
  // Told again while it runs, and once more when it has ended: neither is a second workflow.
  await trouble.incidents.remindOpen();
  expect(await relay.relayOnce()).toBeGreaterThanOrEqual(1);
  expect(await countEvents(handle, 'workflowExecutionSignaledEventAttributes')).toBe(2);
  await trouble.analysed(id);
  await trouble.incidents.reject(id, 'no', DECIDER);
  await handle.terminate();
  expect(await relay.relayOnce()).toBeGreaterThanOrEqual(1);
  expect((await handle.describe()).status.name).toBe('TERMINATED');
  await database.setClock(0);
});

it('what cannot be read is tried again', async () => {
  let reads = 0;
  const broken = relayWith({
    incidents: {
      ...database.stores.incidents,
      collect: () => {
        reads += 1;
        return Promise.reject(new Error('Postgres is away'));
      },
    } as unknown as IncidentRelayOptions['incidents'],
  });
  broken.start();
  await eventually(() => expect(reads).toBeGreaterThanOrEqual(2));
  await broken.stop();
});
