import type { Pool } from 'pg';
import type { Finding } from '../../contracts/packaging-pipeline/findings.ts';
import { packagingPipelineWorkflowId } from '../../contracts/temporal.ts';
import { inTransaction } from '../../db/database.ts';
import { AgentStore } from '../../db/stores/agent/agent-store.ts';
import { FindingStore } from '../../db/stores/packaging-pipeline/finding-store.ts';
import { PipelineStore } from '../../db/stores/packaging-pipeline/pipeline-store.ts';
import { PipelineProgress } from '../../db/stores/packaging-pipeline/progress.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet, machine, OPERATOR } from './support/fleet.ts';
import { untilSomebodyWaits } from './support/locks.ts';
import { overtaken } from './support/overtaken.ts';
import { Rollouts } from './support/rollout.ts';

/** Records that somebody else changes while their locks are waited for. */

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.dispose());

describe('a machine that enrols again', () => {
  /** While somebody else's word on its agent is under way. @returns the agent of before, and the answer */
  async function whileAgent(word: (agents: AgentStore, id: string) => Promise<unknown>) {
    const { agents, enrolmentTokens } = database.stores;
    const key = { name: 'test', expires_in_seconds: 3_600, max_uses: null, tags: {} };
    const { token } = await enrolmentTokens.create(key, OPERATOR, 'test');
    const request = machine({ registration_key: token });
    const before = await agents.enrolByToken(request, 'test');
    const id = before.kind === 'enrolled' ? before.agentId : '';
    const answer = await overtaken(
      database,
      (pool) => word(new AgentStore({ ...database, pool }), id),
      () => agents.enrolByToken(request, 'test'),
    );
    return { id, answer };
  }

  it('while its agent is deleted is a new one', async () => {
    const { id, answer } = await whileAgent((agents, agent) => agents.delete(agent, OPERATOR, 'test'));
    expect(answer).toEqual({ kind: 'enrolled', agentId: expect.not.stringMatching(id) });
  });

  it('while its agent is revoked is told so', async () => {
    const { id, answer } = await whileAgent((agents, agent) => agents.revoke(agent, OPERATOR, 'test'));
    expect(answer).toEqual({ kind: 'agent_revoked', agentId: id });
  });
});

describe('a pipeline', () => {
  const building = () => new Rollouts(database).pipeline({ status: 'BUILDING' });

  it('whose workflow begins again while somebody cancels it is cancelled after that', async () => {
    const id = await building();
    await overtaken(
      database,
      (pool) => new PipelineStore({ ...database, pool }).cancel(id, OPERATOR, 'test'),
      () => database.stores.pipelines.beginAgain(id),
    );
    const { rows } = await database.pool.query<{ kind: string }>(
      `SELECT message ->> 'kind' AS kind FROM workflow_outbox WHERE workflow_id = $1 ORDER BY id`,
      [packagingPipelineWorkflowId(id)],
    );
    // The first one finds no workflow.
    expect(rows.map(({ kind }) => kind)).toEqual(['cancel', 'start', 'cancel']);
  });

  it('that fails while an attempt at a step comes to its end keeps the step as failed', async () => {
    const id = await building();
    const { pipelines } = database.stores;
    await pipelines.progress.beginStep(id, 'sign');
    const failure = { step: 'sign', code: 'cancelled', message: 'Cancelled' } as const;
    await overtaken(
      database,
      (pool) =>
        inTransaction(pool, (client) => new PipelineProgress(client as unknown as Pool).fail(id, failure)),
      () => pipelines.progress.endStep(id, 'sign'),
    );
    expect(await pipelines.find(id)).toMatchObject({
      status: 'FAILED',
      steps: [{ step: 'sign', status: 'FAILED', error: 'cancelled' }],
    });
  });

  it('has the findings of the scan that ends last', async () => {
    const id = await building();
    const found = (name: string): Finding => ({
      id: name,
      aliases: [],
      package: 'p',
      version: '1',
      fixed_version: null,
      severity: 'LOW',
      source: 'osv',
      path: null,
      title: null,
      published_at: null,
    });
    await overtaken(
      database,
      (pool) => new FindingStore({ ...database, pool }).replace(id, [found('first')]),
      () => database.stores.findings.replace(id, [found('second')]),
    );
    const { items } = await database.stores.findings.list(id, { limit: 9 });
    expect(items.map((finding) => finding.id)).toEqual(['second']);
  });
});

it('a sample does not judge a machine any more when a newer one came while it waited', async () => {
  const { telemetry } = database.stores;
  const agent = await new Fleet(database).online();
  const at = (secondsAgo: number) => new Date(Date.now() - secondsAgo * 1_000).toISOString();
  await telemetry.add(agent, [{ collected_at: at(90), cpu_percent: 99 }]);
  const other = await database.pool.connect();
  try {
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM agent_presence WHERE agent_id = $1 FOR UPDATE', [agent]);
    const calm = telemetry.add(agent, [{ collected_at: at(60), cpu_percent: 1 }]);
    await untilSomebodyWaits(database.pool);
    await telemetry.add(agent, [{ collected_at: at(30), cpu_percent: 99 }]);
    await other.query('COMMIT');
    await calm;
  } finally {
    other.release();
  }
  expect(await database.stores.agents.find(agent)).toMatchObject({ status: 'DEGRADED' });
});

it('devices of a deployment that begins while an agent is deleted are the others', async () => {
  const rollouts = new Rollouts(database);
  const agents = await rollouts.online(2, { site: 'leaving' });
  const selection = { tag: 'site=leaving' };
  const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline(), selection });
  await overtaken(
    database,
    (pool) => new AgentStore({ ...database, pool }).delete(agents[0] ?? '', OPERATOR, 'test'),
    () => rollouts.look(id),
  );
  expect((await rollouts.devices(id)).map(({ agent_id }) => agent_id)).toEqual([agents[1]]);
});
