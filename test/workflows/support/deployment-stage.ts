import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { deploymentActivities } from '../../../activities/deployment/activities.ts';
import { deploymentWorkflowId } from '../../../contracts/temporal.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { WorkflowRelay } from '../../../workers/control-plane/workflow-relay.ts';
import { OPERATOR } from '../../db/support/fleet.ts';
import { APPROVER, Rollouts } from '../../db/support/rollout.ts';
import { createTestDatabase, type TestDatabase } from '../../harness/database.ts';
import { timeSkippingEnvironment } from '../../harness/engines.ts';
import { controlPlane, registerSearchAttributes, type TestControlPlane } from '../../harness/temporal.ts';
import { shownOf } from './history.ts';
import { startWebhook, type Webhook } from './webhook.ts';

export const DAY = 86_400;

/** Deployments whose workflows run on an engine that skips time; each asks for an approval. */
export class DeploymentStage {
  readonly env: TestWorkflowEnvironment;
  readonly database: TestDatabase;
  readonly rollouts: Rollouts;
  readonly webhook: Webhook;
  /** Deployments for which a packaging worker was asked to make evidence. */
  readonly evidenced: string[] = [];
  /** Every second look is taken, and its worker dies before it says so. */
  losesAnswers = false;
  #plane: TestControlPlane | undefined;
  #looks = 0;
  #groups = 0;

  private constructor(env: TestWorkflowEnvironment, database: TestDatabase, webhook: Webhook) {
    this.env = env;
    this.database = database;
    this.webhook = webhook;
    this.rollouts = new Rollouts(database);
  }

  static async start(): Promise<DeploymentStage> {
    const webhook = await startWebhook();
    const [env, database] = await Promise.all([
      timeSkippingEnvironment(),
      createTestDatabase({ EUCORA_CAB_RISK_THRESHOLD: '0', EUCORA_ALERT_WEBHOOK_URL: webhook.url }),
    ]);
    await registerSearchAttributes(env);
    const stage = new DeploymentStage(env, database, webhook);
    await stage.#begin();
    return stage;
  }

  async #begin(): Promise<void> {
    const { lookAtDeployment } = deploymentActivities(this.database.stores.deployments.rollout, undefined);
    this.#plane = await controlPlane(this.env, this.database, {
      beforeActivity: () => this.rollouts.fleet.listen(),
      activities: {
        lookAtDeployment: async (id: string) => {
          const pass = await lookAtDeployment(id);
          this.#looks += 1;
          if (this.losesAnswers && this.#looks % 2 === 0)
            throw new Error('The worker died before it could answer');
          return pass;
        },
      },
      packaging: {
        packIntentEvidence: async (id: string) => {
          this.evidenced.push(id);
          return id;
        },
      },
    });
  }

  get plane(): TestControlPlane {
    if (this.#plane === undefined) throw new Error('The stage is not set');
    return this.#plane;
  }

  async stop(): Promise<void> {
    await this.#plane?.stop();
    await this.env.teardown();
    await this.database.dispose();
    await this.webhook.close();
  }

  /** Before each story. */
  async reset(): Promise<void> {
    this.losesAnswers = false;
    await this.plane.syncClock();
    await this.rollouts.fleet.listen();
  }

  handle(id: string) {
    return this.plane.client.workflow.getHandle(deploymentWorkflowId(id));
  }

  async status(id: string) {
    return (await this.rollouts.show(id)).status;
  }

  async details(id: string) {
    return (await shownOf(this.handle(id))).details;
  }

  /** What is noted reaches the workflow. */
  async tell(): Promise<void> {
    const relay = new WorkflowRelay({
      client: this.plane.client,
      outbox: this.database.stores.workflowOutbox,
      logger: createLogger('test', 'silent'),
    });
    while ((await relay.relayOnce()) > 0);
  }

  /** A deployment to machines of its own. @returns its id */
  async created(plan: object = {}, fleet = 2): Promise<string> {
    this.#groups += 1;
    const group = `g${this.#groups}`;
    await this.rollouts.online(fleet, { group });
    const creation = await this.rollouts.create({
      pipeline_id: await this.rollouts.pipeline({ name: group }),
      selection: { tag: `group=${group}` },
      plan,
    });
    if (creation.kind !== 'created') throw new Error(creation.kind);
    await this.tell();
    return creation.deployment.id;
  }

  async decide(id: string, decision: 'approve' | 'reject', conditions?: object): Promise<void> {
    const request = { decision, comment: '', ...(conditions === undefined ? {} : { conditions }) };
    const answer = await this.database.stores.deployments.decide(id, request, APPROVER, 'test');
    expect(answer.kind).toBe('decided');
    await this.tell();
  }

  /** An operator's word. */
  async say(id: string, word: 'resume' | 'abort' | 'roll_back'): Promise<void> {
    const origin = { actor: OPERATOR, reason: '', correlationId: 'test' };
    await this.database.stores.deployments.say(id, word, origin);
    await this.tell();
  }

  /** Time passes in small steps, in which devices work, until it holds. */
  async workUntil(
    id: string,
    holds: () => Promise<boolean>,
    how?: Parameters<Rollouts['work']>[1],
  ): Promise<void> {
    for (let step = 0; step < 60; step += 1) {
      if (await holds()) return;
      await this.rollouts.work(id, how);
      await this.plane.pass(15);
    }
    throw new Error(`Never came true: ${JSON.stringify(await this.rollouts.show(id))}`);
  }
}
