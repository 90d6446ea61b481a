import { PACKAGING_TASK_QUEUE } from '../../../contracts/temporal.ts';
import { ensureSearchAttributes } from '../../../workers/setup/search-attributes.ts';
import { createTestDatabase } from '../../harness/database.ts';
import { devServer } from '../../harness/engines.ts';
import { recordHistory } from '../../workflows/support/histories.ts';
import { PackagingPlane } from './plane.ts';
import { finding } from './tools.ts';

/** Lets the stories of pipelines and of the store's upkeep happen, and writes down their histories. */
export async function recordPackagingHistories(): Promise<void> {
  const [server, database] = await Promise.all([devServer(), createTestDatabase()]);
  const env = await server.environment();
  await ensureSearchAttributes(env.client, 'default');
  const plane = await PackagingPlane.start(env, database);
  const record = async (id: string, story: string): Promise<void> => {
    await plane.ended(id);
    await recordHistory(plane.handle(id), `packagingPipeline.${story}.json`);
  };
  try {
    await record(await plane.begin(), 'passed');
    plane.tools.findings = [finding()];
    await record(await plane.begin(), 'refused');
    const reached = new Promise<string>((resolve) => {
      plane.tools.before('buildPackage', async (ctx) => {
        resolve(ctx.workspace);
        await new Promise((_, reject) =>
          ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason)),
        );
      });
    });
    const cancelled = await plane.begin();
    await reached;
    await plane.cancel(cancelled);
    await record(cancelled, 'cancelled');
    const upkeep = await plane.client.workflow.start('storeMaintenance', {
      taskQueue: PACKAGING_TASK_QUEUE,
      workflowId: 'store-maintenance',
    });
    await upkeep.result();
    await recordHistory(upkeep, 'storeMaintenance.completed.json');
  } finally {
    await plane.stop();
    await env.teardown();
    await server.dispose();
    await database.dispose();
  }
}
