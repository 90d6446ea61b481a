import { OPERATOR } from '../db/support/fleet.ts';
import { Rollouts } from '../db/support/rollout.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

let database: TestDatabase;
let rollouts: Rollouts;
beforeEach(async () => {
  database = await createTestDatabase({ EUCORA_CAB_RISK_THRESHOLD: '101' });
  rollouts = new Rollouts(database);
  await rollouts.fleet.freeze();
});
afterEach(() => database?.dispose());

/** A package for Windows, which shows it by this name. */
async function shownAs(version: string, product_name: string): Promise<string> {
  const id = await rollouts.pipeline({ version, format: 'msi' });
  await database.pool.query('UPDATE packaging_pipeline SET description = $2 WHERE id = $1', [
    id,
    JSON.stringify({ name: 'tool', version, product_name }),
  ]);
  return id;
}

/** What the device is told when a deployment of the package, which it has, is rolled back. */
async function toldToGoBackFrom(pipeline_id: string): Promise<unknown> {
  await rollouts.online(1);
  await database.pool.query(`UPDATE agent SET platform = 'windows'`);
  const id = await rollouts.begin({ pipeline_id });
  await rollouts.settle(id);
  await rollouts.work(id);
  await rollouts.settle(id);
  const by = { actor: OPERATOR, reason: '', correlationId: 'test' };
  await database.stores.deployments.say(id, 'roll_back', by);
  await rollouts.settle(id);
  const [device] = await rollouts.devices(id, 'ROLLING_BACK');
  return (await rollouts.fleet.find(device?.rollback_task_id ?? '')).payload;
}

describe('A rollback on Windows, where each version has a name of its own', () => {
  it('has the newer version taken away by its name, before the one before is installed by its own', async () => {
    await shownAs('23.0.0', 'Tool 23 (x64)');
    expect(await toldToGoBackFrom(await shownAs('24.0.0', 'Tool 24 (x64)'))).toMatchObject({
      action: 'install',
      package_name: 'Tool 23 (x64)',
      package_version: '23.0.0',
      replaces: [{ package_name: 'Tool 24 (x64)', version: '24.0.0' }],
    });
  });

  it('takes the version away by its name where there is none before it', async () => {
    expect(await toldToGoBackFrom(await shownAs('24.0.0', 'Tool 24 (x64)'))).toMatchObject({
      action: 'uninstall',
      package_name: 'Tool 24 (x64)',
    });
  });
});
