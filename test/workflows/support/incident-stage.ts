import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Fleet } from '../../db/support/fleet.ts';
import { Trouble, unique } from '../../db/support/incidents.ts';
import { createTestDatabase, type TestDatabase } from '../../harness/database.ts';
import { timeSkippingEnvironment } from '../../harness/engines.ts';
import { eventually } from '../../harness/eventually.ts';
import { atRest, incidentAnalysis, type TestAnalysis } from '../../harness/incidents.ts';
import { controlPlane, registerSearchAttributes, type TestControlPlane } from '../../harness/temporal.ts';
import { startWebhook, type Webhook } from './webhook.ts';

interface Parts {
  readonly env: TestWorkflowEnvironment;
  readonly database: TestDatabase;
  readonly plane: TestControlPlane;
  readonly analysis: TestAnalysis;
  readonly webhook: Webhook;
}

/** Where the story of an incident is played: engines of its own, devices that fail, and who is told of it. */
export class IncidentStage {
  readonly database: TestDatabase;
  readonly plane: TestControlPlane;
  readonly analysis: TestAnalysis;
  readonly webhook: Webhook;
  readonly trouble: Trouble;
  /** Whether the receiver takes what it is told, so that nobody goes on trying. */
  answers = true;
  readonly #env: TestWorkflowEnvironment;

  private constructor(parts: Parts) {
    this.#env = parts.env;
    this.database = parts.database;
    this.plane = parts.plane;
    this.analysis = parts.analysis;
    this.webhook = parts.webhook;
    this.trouble = new Trouble(new Fleet(parts.database));
  }

  static async start(): Promise<IncidentStage> {
    const webhook = await startWebhook();
    const [env, database] = await Promise.all([
      timeSkippingEnvironment(),
      createTestDatabase({ EUCORA_ALERT_WEBHOOK_URL: webhook.url }),
    ]);
    await registerSearchAttributes(env);
    const plane = await controlPlane(env, database);
    const analysis = await incidentAnalysis(env, database, plane);
    await plane.syncClock();
    return new IncidentStage({ env, database, plane, analysis, webhook });
  }

  async end(): Promise<void> {
    await this.analysis.stop();
    await this.plane.stop();
    await this.#env.teardown();
    await this.database.dispose();
    await this.webhook.close();
  }

  /** All failures are collected, and all workflows told. */
  async relayed(): Promise<void> {
    while ((await this.trouble.incidents.collect()) > 0);
    while ((await this.analysis.relay.relayOnce()) > 0);
  }

  /** Lets time pass until so many seconds after a moment, however long it took to come so far. */
  async passUntil(moment: string, seconds: number): Promise<void> {
    const ahead = Date.parse(moment) + seconds * 1_000 - (await this.#env.currentTimeMs());
    await this.plane.pass(Math.max(0, ahead) / 1_000);
  }

  async handleOf(id: string): Promise<WorkflowHandle> {
    return this.plane.client.workflow.getHandle((await this.trouble.show(id)).workflow_id);
  }

  async becomes(id: string, status: string): Promise<void> {
    await eventually(async () => expect(await this.trouble.show(id)).toMatchObject({ status }));
    if (status === 'AWAITING_DECISION' && this.answers)
      await atRest(await this.handleOf(id), this.trouble.incidents, id);
  }

  /** The states of the remedy's devices, the first one's first. */
  remedyIs(id: string, ...states: string[]): Promise<void> {
    return eventually(async () =>
      expect((await this.trouble.remedies(id)).map(({ state }) => state)).toEqual(states),
    );
  }

  /** Devices that failed alike, their incident classified, and a person asked. */
  async waiting(devices = 1, error = unique('broken')) {
    const agents = [];
    for (let n = 0; n < devices; n += 1) agents.push((await this.trouble.fail(error))[0]);
    await this.relayed();
    const id = await this.trouble.collected();
    await this.becomes(id, 'AWAITING_DECISION');
    return { id, agents, error, handle: await this.handleOf(id) };
  }

  async approve(id: string, request: Parameters<Trouble['approve']>[1] = {}): Promise<void> {
    expect(await this.trouble.approve(id, request)).toEqual({ kind: 'decided' });
    await this.relayed();
  }

  /** The device that an approved remedy goes to first. */
  async firstOf(id: string): Promise<string> {
    const [first] = await this.trouble.remedies(id);
    if (first === undefined) throw new Error(`Nothing was approved for ${id}`);
    return first.agent_id;
  }

  /** The device's present task ends, and the workflow hears of it. */
  async runs(id: string, agent: string, error?: string): Promise<void> {
    await this.plane.syncClock();
    await this.trouble.run(agent, await eventually(() => this.trouble.remedyTask(id, agent)), error);
    await this.trouble.incidents.collect();
    await this.plane.pass(2);
    await this.relayed();
  }

  /** The webhook has heard that somebody must decide, first after the analysis, then for the reason that `advice` tells. */
  async toldAgain(id: string, advice: unknown): Promise<void> {
    const asked = (said: unknown) => ({
      why: 'decision_needed',
      incident: expect.objectContaining({ id, status: 'AWAITING_DECISION', advice: said }),
    });
    await eventually(() =>
      expect(this.webhook.deliveries.map(({ body }) => JSON.parse(body))).toEqual([
        asked('Sure enough'),
        asked(advice),
      ]),
    );
  }
}
