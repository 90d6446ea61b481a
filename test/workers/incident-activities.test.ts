import { MockActivityEnvironment } from '@temporalio/testing';
import { incidentActivities } from '../../activities/incident/activities.ts';
import { analysisActivities } from '../../activities/incident/analysis.ts';
import type { Assistant } from '../../ai/assistant/ports.ts';
import { Fleet } from '../db/support/fleet.ts';
import { CLASSIFIED, SUGGESTED, Trouble, unique } from '../db/support/incidents.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

const NOBODY = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';

let database: TestDatabase;
let trouble: Trouble;
let env: MockActivityEnvironment;
let asked: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  trouble = new Trouble(new Fleet(database));
});
beforeEach(() => {
  env = new MockActivityEnvironment();
  asked = [];
});
afterAll(() => database?.dispose());

const assistant = (answer: Partial<Assistant> = {}): Assistant => ({
  classifyIncident: async () => {
    asked.push('classify');
    return CLASSIFIED;
  },
  suggestRemediation: async () => {
    asked.push('suggest');
    return SUGGESTED;
  },
  checkCredentials: async () => [],
  ...answer,
});
const analysis = (answer?: Partial<Assistant>) => analysisActivities(trouble.incidents, assistant(answer));
const opened = async () => {
  await trouble.fail(unique('broken'));
  return trouble.collected();
};

it('an incident that somebody decided meanwhile, or that is gone, is asked about no more', async () => {
  const { id } = await trouble.waiting();
  for (const incident of [id, NOBODY]) {
    await env.run(analysis().classifyIncident, incident);
    await env.run(analysis().suggestRemedy, incident);
  }
  expect(asked).toEqual([]);
});

it('without a classification nothing is suggested', async () => {
  const id = await opened();
  await env.run(analysis().suggestRemedy, id);
  expect(asked).toEqual([]);
});

it('a provider that takes its time is waited for with heartbeats', async () => {
  const id = await opened();
  const beaten = new Promise<void>((done) => env.once('heartbeat', () => done()));
  await env.run(
    analysis({
      classifyIncident: async () => {
        await beaten;
        return CLASSIFIED;
      },
    }).classifyIncident,
    id,
  );
  expect(await trouble.show(id)).toMatchObject({ label: 'INSTALLATION_FAILURE' });
});

it('a worker that stops lets go of the provider', async () => {
  const id = await opened();
  const stopped = env.run(
    analysis({
      classifyIncident: (_, options) =>
        new Promise((_done, fail) => {
          options?.signal?.addEventListener('abort', () => fail(new Error('let go')), { once: true });
          env.cancel();
        }),
    }).classifyIncident,
    id,
  );
  await expect(stopped).rejects.toThrow('let go');
  expect((await trouble.show(id)).label).toBeNull();
});

it('an incident that is gone has ended, and without a receiver nobody is told', async () => {
  const activities = incidentActivities(trouble.incidents, undefined);
  expect(await env.run(activities.presentIncident, NOBODY, 'trouble')).toMatchObject({
    status: 'CLOSED',
    outcome: null,
  });
  await env.run(() => activities.notifyIncident(NOBODY, 'reminder'));
});

it('a receiver is told of nothing that was decided meanwhile', async () => {
  const { id } = await trouble.waiting();
  await trouble.approve(id);
  // Nothing listens there: to try would fail.
  const activities = incidentActivities(trouble.incidents, { url: 'http://127.0.0.1:9', secret: undefined });
  for (const incident of [id, NOBODY])
    await env.run(() => activities.notifyIncident(incident, 'decision_needed'));
});
