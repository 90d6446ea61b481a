import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PrivateRootDeb } from '../../agent/deploy/deb.ts';
import type { Downloader } from '../../agent/deploy/download.ts';
import { childEnvironment } from '../../agent/process/environment.ts';
import { run } from '../../agent/process/run.ts';
import { Tools } from '../../agent/system/tools.ts';
import { deployExecutor } from '../../agent/tasks/deploy.ts';
import type { ExecutionFailure } from '../../agent/tasks/executor.ts';
import { executionOf } from '../agent/execution.ts';
import { findMember, newDebSigner } from '../agent/signing.ts';
import { buildDeb, removeFolders, temporaryFolder } from '../agent/support.ts';
import { Rollouts } from '../db/support/rollout.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

let database: TestDatabase;
let rollouts: Rollouts;
const signer = newDebSigner('factory');
const tools = new Tools(run, childEnvironment({ PATH: process.env['PATH'] }, 'linux'), 'linux');
beforeAll(async () => {
  database = await createTestDatabase({ EUCORA_CAB_RISK_THRESHOLD: '101' });
  rollouts = new Rollouts(database);
});
afterAll(async () => {
  signer.dispose();
  removeFolders();
  await database?.dispose();
});

/** A pipeline whose package is this one, signed by a key that the platform knows. */
async function pipelineOf(deb: Buffer, version: string): Promise<string> {
  const id = await rollouts.pipeline({ version, name: 'tool' });
  const sha256 = createHash('sha256').update(deb).digest('hex');
  const thumbprint = signer.fingerprint.toLowerCase();
  const material = signer.publicKey;
  await database.stores.signingKeys.note({ thumbprint, material, subject: 'factory', expires_at: null });
  await database.pool.query(
    `UPDATE packaging_pipeline SET output_artifact_hash = $2, output_artifact_bytes = $3, signing_certificate_thumbprint = $4 WHERE id = $1`,
    [id, sha256, deb.length, thumbprint],
  );
  return id;
}

/** The reference agent does its open tasks of a deployment, for real, into a root of its own. */
async function agentDoes(id: string, served: Buffer, installer: PrivateRootDeb): Promise<string[]> {
  const outcomes: string[] = [];
  await rollouts.settle(id);
  for (const state of ['DISPATCHED', 'ROLLING_BACK'] as const) {
    for (const device of await rollouts.devices(id, state)) {
      const task = (state === 'DISPATCHED' ? device.task_id : device.rollback_task_id) ?? '';
      const path = join(temporaryFolder(), 'artifact');
      writeFileSync(path, served);
      const execute = deployExecutor({
        downloader: { fetch: async () => path } as unknown as Downloader,
        installerFor: () => installer,
        tools,
        scratch: temporaryFolder(),
      });
      await rollouts.fleet.heartbeat(device.agent_id);
      const { tasks } = database.stores;
      await tasks.takeWord(task, device.agent_id, { word: 'start' }, 'test');
      const { payload } = await rollouts.fleet.find(task);
      const word = await execute(executionOf(payload)).then(
        () => ({ word: 'complete' as const, result: {} }),
        (error: ExecutionFailure) => ({
          word: 'fail' as const,
          error_message: error.message,
          result: error.result,
        }),
      );
      outcomes.push(word.word === 'complete' ? 'complete' : word.error_message);
      await tasks.takeWord(task, device.agent_id, word, 'test');
    }
  }
  await rollouts.settle(id);
  return outcomes;
}

it('what was packaged, signed and approved is what the agent installs; and goes back, and nothing else', async () => {
  const root = join(temporaryFolder(), 'root');
  const installer = new PrivateRootDeb(tools, root, temporaryFolder());
  const good = signer.sign(buildDeb('tool', '1.0.0-1', { 'opt/tool/one': 'x' }));
  const next = signer.sign(buildDeb('tool', '2.0.0-1', { 'opt/tool/two': 'x' }));
  await rollouts.online(1);

  const first = await rollouts.begin({ pipeline_id: await pipelineOf(good, '1.0.0') });
  expect(await agentDoes(first, good, installer)).toEqual(['complete']);
  expect((await rollouts.show(first)).status).toBe('COMPLETED');
  expect(await installer.versionOf('tool')).toBe('1.0.0-1');

  const second = await pipelineOf(next, '2.0.0');
  const spoilt = Buffer.from(next);
  const last = findMember(spoilt, 'data.tar').offset + 20;
  spoilt[last] = (spoilt[last] ?? 0) ^ 1;
  const tampered = await rollouts.begin({ pipeline_id: second });
  expect(await agentDoes(tampered, spoilt, installer)).toEqual([
    expect.stringMatching(/^Nothing was installed/),
  ]);
  // Nothing was touched, so that there is nothing to roll back.
  expect((await rollouts.show(tampered)).status).toBe('ROLLED_BACK');
  expect(await rollouts.devices(tampered)).toMatchObject([{ state: 'FAILED', failure_kind: 'signature' }]);
  expect(await installer.versionOf('tool')).toBe('1.0.0-1');

  const updated = await rollouts.begin({ pipeline_id: second });
  expect(await agentDoes(updated, next, installer)).toEqual(['complete']);
  expect([await installer.versionOf('tool'), existsSync(join(root, 'opt/tool/one'))]).toEqual([
    '2.0.0-1',
    false,
  ]);
  const actor = { type: 'operator', id: 'somebody' } as const;
  await database.stores.deployments.say(updated, 'roll_back', { actor, reason: '', correlationId: 'test' });
  expect(await agentDoes(updated, good, installer)).toEqual(['complete']);
  expect((await rollouts.show(updated)).status).toBe('ROLLED_BACK');
  expect([await installer.versionOf('tool'), existsSync(join(root, 'opt/tool/one'))]).toEqual([
    '1.0.0-1',
    true,
  ]);
});

it('deployments whose workflow was lost are told again', async () => {
  await database.pool.query('DELETE FROM workflow_outbox');
  const id = await rollouts.begin({ pipeline_id: await rollouts.pipeline({ name: 'other' }) });
  await database.pool.query('DELETE FROM workflow_outbox');
  expect(await database.stores.deployments.rollout.remind()).toBeGreaterThanOrEqual(1);
  const { rows } = await database.pool.query<{ kind: string }>(
    `SELECT message ->> 'kind' AS kind FROM workflow_outbox WHERE workflow_id = $1 ORDER BY id`,
    [`deployment/${id}`],
  );
  expect(rows.map(({ kind }) => kind)).toEqual(['start', 'signal']);
});
