import { deploymentWorkflowId } from '../../../contracts/temporal.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { WorkflowRelay } from '../../../workers/control-plane/workflow-relay.ts';
import { APPROVER, Rollouts, ring } from '../../db/support/rollout.ts';
import { createTestDatabase } from '../../harness/database.ts';
import { timeSkippingEnvironment } from '../../harness/engines.ts';
import { controlPlane, registerSearchAttributes } from '../../harness/temporal.ts';
import { recordHistory } from './histories.ts';

/** A deployment that waits for its approval and completes, and one that is stopped by its gates and goes back. */
export async function recordDeployments(): Promise<void> {
  const [env, database] = await Promise.all([
    timeSkippingEnvironment(),
    createTestDatabase({ EUCORA_CAB_RISK_THRESHOLD: '0' }),
  ]);
  await registerSearchAttributes(env);
  const rollouts = new Rollouts(database);
  const plane = await controlPlane(env, database, {
    beforeActivity: () => rollouts.fleet.listen(),
    packaging: { packIntentEvidence: async () => '00000000-0000-7000-8000-000000000002' },
  });
  const relay = new WorkflowRelay({
    client: plane.client,
    outbox: database.stores.workflowOutbox,
    logger: createLogger('test', 'silent'),
  });
  const story = async (name: string, end: string, how?: Parameters<Rollouts['work']>[1]): Promise<void> => {
    const creation = await rollouts.create({
      pipeline_id: await rollouts.pipeline({ name }),
      plan: {
        rings: [ring('canary', { count: 1 }, { soak_seconds: 120 }), ring('all', { rest: true })],
      },
    });
    if (creation.kind !== 'created') throw new Error(creation.kind);
    const { id } = creation.deployment;
    while ((await relay.relayOnce()) > 0);
    await plane.pass(86_400 + 60);
    await database.stores.deployments.decide(id, { decision: 'approve', comment: '' }, APPROVER, 'test');
    while ((await relay.relayOnce()) > 0);
    for (let step = 0; (await rollouts.show(id)).status !== end; step += 1) {
      if (step > 200) throw new Error(`${name} does not end as ${end}`);
      await rollouts.work(id, how);
      await plane.pass(20);
    }
    const handle = plane.client.workflow.getHandle(deploymentWorkflowId(id));
    await handle.result();
    await recordHistory(handle, `deployment.${name}.json`);
  };
  try {
    await plane.syncClock();
    await rollouts.online(3);
    await story('approved-and-completed', 'COMPLETED');
    await story('rolled-back', 'ROLLED_BACK', () => ({ fail: 'broken', kind: 'install' }));
  } finally {
    await plane.stop();
    await env.teardown();
    await database.dispose();
  }
}
