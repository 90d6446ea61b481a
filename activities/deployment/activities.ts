import { Context } from '@temporalio/activity';
import type { DeploymentPass } from '../../contracts/deployment/pass.ts';
import type { RolloutStore } from '../../db/stores/deployment/rollout-store.ts';
import { postSigned, type Webhook } from '../alert-delivery/webhook.ts';
import { allAlive } from '../alive.ts';
import { lookAt } from './look.ts';

export type DeploymentActivities = ReturnType<typeof deploymentActivities>;

export function deploymentActivities(rollout: Pick<RolloutStore, 'look'>, webhook: Webhook | undefined) {
  return allAlive({
    /** Does what is to be done now, in one transaction, and tells how the deployment stands. */
    async lookAtDeployment(id: string): Promise<DeploymentPass> {
      return (await rollout.look(id, lookAt)) ?? gone;
    },
    /** Tells the webhook, where there is one, that a decision is waited for; may be told twice. */
    async remindApprovers(id: string): Promise<void> {
      const waiting = await rollout.look(id, async ({ deployment }) =>
        deployment.status === 'AWAITING_APPROVAL' ? deployment : undefined,
      );
      if (waiting === undefined) return;
      if (webhook !== undefined) {
        const { name, risk_score, approval_ends_at } = waiting;
        const reminder = { id, name, risk_score, approval_ends_at };
        const body = JSON.stringify({ approval_reminder: reminder });
        await postSigned(webhook, body, Context.current().cancellationSignal);
      }
      await rollout.look(id, (look) => look.noteReminder());
    },
  });
}

const gone: DeploymentPass = {
  status: 'ABORTED',
  ended: true,
  progressed: false,
  reminder_due: false,
  due_in_ms: null,
  patience_ms: 1,
  ring: null,
  ring_state: null,
  counts: null,
  devices: {},
  reason: 'The deployment is gone',
  title: '',
};
