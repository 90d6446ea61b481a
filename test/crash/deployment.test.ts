import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { KNOWN_ADVISORIES, writeTrivyDatabase } from '../../cli/demo/trivy-database.ts';
import { pipelineRequest } from '../packaging-pipeline/support/samples.ts';
import type { StubbornAgent } from './support/agent.ts';
import { accepted, Rig } from './support/rig.ts';

const PROGRAM = '#!/bin/sh\necho hello\n';
const DEVICES = 12;

let rig: Rig;
let trivy: string;

beforeAll(async () => {
  trivy = await mkdtemp(join(tmpdir(), 'eucora-trivy-'));
  await writeTrivyDatabase(trivy, KNOWN_ADVISORIES, new Date());
  rig = await Rig.start({
    EUCORA_TRIVY_CACHE_DIR: trivy,
    EUCORA_CAB_RISK_THRESHOLD: '101',
    EUCORA_HEARTBEAT_INTERVAL_SECONDS: '1',
  });
}, 600_000);
afterAll(async () => {
  await rig?.dispose();
  await rm(trivy, { recursive: true, force: true });
});

/** @returns the id of a pipeline that passed */
async function packaged(): Promise<string> {
  const token = (await readFile(rig.endpoints.admin_token_file, 'utf8')).trim();
  const sha256 = createHash('sha256').update(PROGRAM).digest('hex');
  const kept = await request(`${rig.endpoints.operator_api}/api/v1/artifacts?name=hello`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
    body: PROGRAM,
  });
  await kept.body.dump();
  const path = '/api/v1/packaging-pipelines';
  const made = accepted(
    await rig.operator('POST', path, pipelineRequest(sha256), { 'idempotency-key': randomUUID() }),
  );
  for (;;) {
    const { body } = await rig.operator('GET', `${path}/${made['id']}`);
    if (body['ended_at'] !== null) {
      expect(body['status']).toBe('PASSED');
      return String(made['id']);
    }
    await delay(200);
  }
}

/** Does what it is given, each task once, until it is told to stop. */
async function work(agent: StubbornAgent, stopped: AbortSignal): Promise<void> {
  const done = new Set<string>();
  while (!stopped.aborted) {
    for (const task of await agent.heartbeat().catch((): string[] => [])) {
      if (done.has(task)) continue;
      done.add(task);
      await agent.say(task, 'start', 'complete');
    }
    await delay(500);
  }
  await agent.close();
}

/** Asks the database, which no blow reaches, until a ring has devices that were given their tasks. */
async function untilRolling(id: string, ring: number): Promise<void> {
  for (;;) {
    const { rowCount } = await rig.database.query(
      'SELECT 1 FROM deployment_device WHERE deployment_id = $1 AND ring = $2 AND dispatched_at IS NOT NULL LIMIT 1',
      [id, ring],
    );
    if (rowCount === 1) return;
    await delay(20);
  }
}

test('a worker that is killed in each ring of a rollout ends it with one task for every device', async () => {
  const identities = await rig.enrol(DEVICES);
  const stop = new AbortController();
  const working = Promise.all(identities.map((identity) => work(rig.agent(identity), stop.signal)));
  const pipeline_id = await packaged();
  const rings = [
    { name: 'first', size: { count: 4 }, soak_seconds: 2 },
    { name: 'rest', size: { rest: true }, soak_seconds: 2 },
  ];
  // Few at a time, so that the blows fall while there is still something to be given out.
  const body = { pipeline_id, plan: { rings, max_in_flight: 2 } };
  const made = accepted(
    await rig.operator('POST', '/api/v1/deployments', body, { 'idempotency-key': randomUUID() }),
  );
  const id = String(made['id']);
  for (const ring of [0, 1]) {
    await untilRolling(id, ring);
    await rig.strike('worker', 0);
  }
  let shown: Record<string, unknown> = {};
  do {
    await delay(200);
    shown = (await rig.operator('GET', `/api/v1/deployments/${id}`)).body;
  } while (shown['status'] === 'ROLLING_OUT');
  expect(shown).toMatchObject({ status: 'COMPLETED', devices: { INSTALLED: DEVICES } });
  stop.abort();
  await working;

  const tasks = await rig.database.query(
    'SELECT count(*)::int AS tasks, count(DISTINCT agent_id)::int AS agents FROM agent_task WHERE created_by = $1',
    [shown['workflow_id']],
  );
  expect(tasks.rows).toEqual([{ tasks: DEVICES, agents: DEVICES }]);
  const { rows } = await rig.database.query('SELECT id FROM evidence_pack WHERE deployment_intent_id = $1', [
    id,
  ]);
  expect(rows).toEqual([{ id: shown['evidence_id'] }]);
}, 300_000);
