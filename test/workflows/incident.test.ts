import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Fleet, OPERATOR } from '../db/support/fleet.ts';
import { CLASSIFIED, DECIDER, Trouble, unique } from '../db/support/incidents.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { timeSkippingEnvironment } from '../harness/engines.ts';
import { atRest, incidentAnalysis, type TestAnalysis } from '../harness/incidents.ts';
import {
  controlPlane,
  eventually,
  registerSearchAttributes,
  type TestControlPlane,
} from '../harness/temporal.ts';
import { countEvents, shownOf } from './support/history.ts';
import { startWebhook, type Webhook } from './support/webhook.ts';

let env: TestWorkflowEnvironment;
let database: TestDatabase;
let trouble: Trouble;
let plane: TestControlPlane;
let analysis: TestAnalysis;
let webhook: Webhook;
/** Whether the receiver takes what it is told, so that nobody goes on trying. */
let answers = true;

// An engine for each story: the one that skips time counts wrongly once a workflow task of it has expired.
beforeEach(async () => {
  webhook = await startWebhook();
  [env, database] = await Promise.all([
    timeSkippingEnvironment(),
    createTestDatabase({ EUCORA_ALERT_WEBHOOK_URL: webhook.url }),
  ]);
  await registerSearchAttributes(env);
  trouble = new Trouble(new Fleet(database));
  plane = await controlPlane(env, database);
  analysis = await incidentAnalysis(env, database, plane);
  answers = true;
  await plane.syncClock();
}, 60_000);
afterEach(async () => {
  await analysis?.stop();
  await plane?.stop();
  await env?.teardown();
  await database?.dispose();
  await webhook?.close();
});
const relayed = async () => {
  while ((await trouble.incidents.collect()) > 0);
  while ((await analysis.relay.relayOnce()) > 0);
};
const handleOf = async (id: string): Promise<WorkflowHandle> =>
  plane.client.workflow.getHandle((await trouble.show(id)).workflow_id);
const becomes = async (id: string, status: string) => {
  await eventually(async () => expect(await trouble.show(id)).toMatchObject({ status }));
  if (status === 'AWAITING_DECISION' && answers) await atRest(await handleOf(id), trouble.incidents, id);
};
const remedyIs = (id: string, ...states: string[]) =>
  eventually(async () => expect((await trouble.remedies(id)).map(({ state }) => state)).toEqual(states));

/** Devices that failed alike, their incident classified, and a person asked. */
async function waiting(devices = 1, error = unique('broken')) {
  const agents = [];
  for (let n = 0; n < devices; n += 1) agents.push((await trouble.fail(error))[0]);
  await relayed();
  const id = await trouble.collected();
  await becomes(id, 'AWAITING_DECISION');
  return { id, agents, error, handle: await handleOf(id) };
}

async function approve(id: string, request: Parameters<Trouble['approve']>[1] = {}) {
  expect(await trouble.approve(id, request)).toEqual({ kind: 'decided' });
  await relayed();
}

/** The device's present task ends, and the workflow hears of it. */
async function runs(id: string, agent: string, error?: string) {
  await plane.syncClock();
  await trouble.run(agent, await eventually(() => trouble.remedyTask(id, agent)), error);
  await trouble.incidents.collect();
  await plane.pass(2);
  await relayed();
}

/** The webhook hears of the remedy's end, and why; a delivery that is tried again waits by the server's clock. */
const toldAgain = (id: string, advice: unknown) =>
  eventually(async () => {
    await plane.pass(2);
    expect(webhook.deliveries.map(({ body }) => JSON.parse(body))).toContainEqual({
      why: 'decision_needed',
      incident: expect.objectContaining({ id, status: 'AWAITING_DECISION', advice }),
    });
  }, 60);

const firstOf = async (id: string) => (await trouble.remedies(id))[0]?.agent_id ?? '';

it('opened, classified, approved, healthy on the first device, then on the rest: resolved', async () => {
  const { id, handle, agents } = await waiting(3);
  expect(analysis.asked).toEqual(['classify', 'suggest']);
  await approve(id);
  await remedyIs(id, 'REMEDYING', 'WAITING', 'WAITING');
  const first = await firstOf(id);
  await runs(id, first);
  await remedyIs(id, 'OBSERVING', 'WAITING', 'WAITING');
  await trouble.fleet.heartbeat(first);
  await plane.pass(100);
  expect((await trouble.show(id)).status).toBe('CANARY');
  await plane.pass(30);
  await becomes(id, 'ROLLOUT');
  for (const agent of agents.filter((other) => other !== first)) {
    await runs(id, agent);
    await trouble.fleet.heartbeat(agent);
  }
  await plane.pass(130);
  expect(await handle.result()).toEqual({ outcome: 'RESOLVED', occurrences: 3 });
  expect(await trouble.show(id)).toMatchObject({
    status: 'CLOSED',
    outcome: 'RESOLVED',
    remedies: { HEALTHY: 3 },
  });
});

it('no word of a device or a model is in the history', async () => {
  const { id, handle } = await waiting(1, unique('Cannot open secret-place of jane'));
  await trouble.incidents.reject(id, 'known to jane', DECIDER);
  await relayed();
  expect(await handle.result()).toEqual({ outcome: 'REJECTED', occurrences: 1 });
  const said = historyToJSON(await handle.fetchHistory());
  const payloads = [...said.matchAll(/"data": ?"([A-Za-z0-9+/=]+)"/g)].map(([, data = '']) =>
    Buffer.from(data, 'base64').toString(),
  );
  const text = [said, ...payloads].join('\n');
  expect(payloads.length).toBeGreaterThan(5);
  expect(text).toContain(id);
  const secret = ['secret-place', 'jane', 'dependency is missing', 'Does it', '"app"', 'known to'];
  expect(secret.filter((word) => text.includes(word))).toEqual([]);
});

it('waiting has reminders, of which the webhook is told, and an end', async () => {
  const { id, handle } = await waiting();
  await eventually(() => expect(webhook.deliveries).toHaveLength(1));
  expect(JSON.parse(webhook.deliveries[0]?.body ?? '')).toMatchObject({
    why: 'decision_needed',
    incident: { id, status: 'AWAITING_DECISION', label: 'INSTALLATION_FAILURE' },
  });
  expect(webhook.deliveries[0]?.body).not.toContain('script');
  await plane.pass(14_395);
  expect((await trouble.show(id)).reminders).toBe(0);
  await plane.pass(10);
  await eventually(async () => expect((await trouble.show(id)).reminders).toBe(1));
  await eventually(() =>
    expect(webhook.deliveries.map(({ body }) => JSON.parse(body).why)).toContain('reminder'),
  );
  await plane.pass(259_200);
  expect(await handle.result()).toEqual({ outcome: 'EXPIRED', occurrences: 1 });
  const { reminders, closed_at, waiting_since } = await trouble.show(id);
  expect(reminders).toBe(17);
  const waited = Date.parse(closed_at ?? '') - Date.parse(waiting_since ?? '');
  expect(waited).toBeGreaterThanOrEqual(259_200_000);
  expect(waited).toBeLessThan(259_210_000);
}, 60_000);

it('a receiver that does not answer holds nothing up', async () => {
  webhook.answerWith(500);
  answers = false;
  const { id, handle } = await waiting();
  await eventually(() => expect(webhook.deliveries.length).toBeGreaterThan(0));
  // Longer than anybody tries to tell it.
  await plane.pass(3_700);
  await trouble.incidents.reject(id, 'no', DECIDER);
  await relayed();
  expect(await handle.result()).toMatchObject({ outcome: 'REJECTED' });
});

it('asked again: another analysis with the person’s wish, then another decision', async () => {
  const { id, handle } = await waiting();
  await trouble.incidents.ask(id, 'gently', DECIDER);
  await relayed();
  await eventually(() => expect(analysis.asked).toContain('suggest gently'));
  await becomes(id, 'AWAITING_DECISION');
  expect((await trouble.show(id)).suggestions).toHaveLength(2);
  await trouble.incidents.reject(id, 'no', DECIDER);
  await relayed();
  await handle.result();
});

it('a script that fails on the first device brings a person back, and the next approval goes on', async () => {
  const { id, handle } = await waiting(2);
  await approve(id);
  await remedyIs(id, 'REMEDYING', 'WAITING');
  await runs(id, await firstOf(id), 'no such file');
  await becomes(id, 'AWAITING_DECISION');
  expect(await trouble.show(id)).toMatchObject({
    advice: 'The remedy failed on the first device',
    remedies: { FAILED: 1, SKIPPED: 1 },
  });
  await toldAgain(id, 'The remedy failed on the first device');
  const script = { interpreter: 'sh', script: 'echo better', verification: '', explanation: '' } as const;
  await trouble.incidents.edit(id, script, DECIDER);
  await approve(id);
  await eventually(async () => expect(await trouble.show(id)).toMatchObject({ remedies: { REMEDYING: 1 } }));
  await trouble.incidents.reject(id, 'x', DECIDER);
  await handle.terminate();
});

it('stopped on the first device: a person decides anew, with reminders, and nothing more runs', async () => {
  const { id, handle } = await waiting(3);
  await approve(id);
  await remedyIs(id, 'REMEDYING', 'WAITING', 'WAITING');
  await plane.syncClock();
  expect(await trouble.incidents.stop(id, 'odd', DECIDER)).toEqual({ kind: 'decided' });
  await relayed();
  await toldAgain(id, expect.stringMatching(/^Stopped by .*: odd$/));
  await eventually(async () =>
    expect(await handle.query('incidentSnapshot')).toMatchObject({
      status: 'AWAITING_DECISION',
      due: 'reminder',
    }),
  );
  await plane.pass(14_410);
  await eventually(async () => expect((await trouble.show(id)).reminders).toBe(1));
  await remedyIs(id, 'STOPPED', 'SKIPPED', 'SKIPPED');
  await trouble.incidents.reject(id, 'no', DECIDER);
  await relayed();
  expect(await handle.result()).toMatchObject({ outcome: 'REJECTED' });
});

it('approved and stopped before the workflow heard of either: somebody is told all the same', async () => {
  const { id, handle } = await waiting(2);
  expect(await trouble.approve(id)).toEqual({ kind: 'decided' });
  expect(await trouble.incidents.stop(id, 'odd', DECIDER)).toEqual({ kind: 'decided' });
  await relayed();
  await toldAgain(id, expect.stringMatching(/^Stopped by .*: odd$/));
  await remedyIs(id, 'SKIPPED', 'SKIPPED');
  await trouble.incidents.reject(id, 'no', DECIDER);
  await relayed();
  expect(await handle.result()).toMatchObject({ outcome: 'REJECTED' });
});

it('stopped on the rest: the next approval heals what is left', async () => {
  const { id, handle, agents } = await waiting(2);
  await approve(id);
  const first = await eventually(async () => (await firstOf(id)) || Promise.reject(new Error('none')));
  await runs(id, first);
  await trouble.fleet.heartbeat(first);
  await plane.pass(130);
  await becomes(id, 'ROLLOUT');
  await remedyIs(id, 'HEALTHY', 'REMEDYING');
  await plane.syncClock();
  await trouble.incidents.stop(id, 'odd', DECIDER);
  await relayed();
  await plane.pass(2);
  const [suggestion] = (await trouble.show(id)).suggestions;
  await plane.syncClock();
  await approve(id, { suggestion_id: suggestion?.id ?? '' });
  const other = agents.find((agent) => agent !== first) ?? '';
  await runs(id, other);
  await trouble.fleet.heartbeat(other);
  await plane.pass(130);
  expect(await handle.result()).toEqual({ outcome: 'RESOLVED', occurrences: 2 });
});

it('a first device that does not take the script in time is given up', async () => {
  const { id } = await waiting(1);
  await approve(id);
  await remedyIs(id, 'REMEDYING');
  await plane.pass(3_610);
  await becomes(id, 'AWAITING_DECISION');
  expect((await trouble.remedies(id))[0]?.error).toBe('Not remedied within its time');
  await toldAgain(id, 'The remedy failed on the first device');
});

it('a first device that is not heard after the script is given up, not healthy', async () => {
  const { id } = await waiting(1);
  await approve(id);
  await runs(id, await firstOf(id));
  await remedyIs(id, 'OBSERVING');
  await plane.pass(600);
  expect((await trouble.show(id)).status).toBe('CANARY');
  await plane.pass(3_100);
  await becomes(id, 'AWAITING_DECISION');
});

it('the failed task is done again after the script, and its success counts', async () => {
  const { id, handle } = await waiting(1);
  await approve(id, { retry_failed_tasks: true });
  const first = await eventually(async () => (await firstOf(id)) || Promise.reject(new Error('none')));
  await runs(id, first);
  await remedyIs(id, 'VERIFYING');
  await runs(id, first);
  await remedyIs(id, 'OBSERVING');
  await trouble.fleet.heartbeat(first);
  await plane.pass(130);
  expect(await handle.result()).toMatchObject({ outcome: 'RESOLVED' });
});

it('a failure that comes back reopens the incident under the same workflow id', async () => {
  const { id, handle, error } = await waiting(1);
  await approve(id);
  const first = await eventually(async () => (await firstOf(id)) || Promise.reject(new Error('none')));
  await runs(id, first);
  await trouble.fleet.heartbeat(first);
  await plane.pass(130);
  await handle.result();
  const { runId } = await handle.describe();
  await plane.syncClock();
  await trouble.fail(error);
  await relayed();
  await becomes(id, 'AWAITING_DECISION');
  const reopened = await (await handleOf(id)).describe();
  expect(reopened.status.name).toBe('RUNNING');
  expect(reopened.runId).not.toBe(runId);
  expect(await trouble.show(id)).toMatchObject({ occurrence_count: 2, outcome: null });
});

it('an analysis that fails for good leaves the incident to a person', async () => {
  analysis.answer = {
    classifyIncident: () => Promise.reject(ApplicationFailure.nonRetryable('a defect')),
  };
  const { id } = await waiting();
  expect(await trouble.show(id)).toMatchObject({
    label: null,
    suggestions: [],
    advice: expect.stringContaining('The analysis failed'),
  });
});

it('an analysis that is interrupted after its answer was kept asks nobody twice', async () => {
  let interrupted = false;
  analysis.answer = {
    suggestRemediation: () => {
      if (interrupted) return Promise.reject(ApplicationFailure.nonRetryable('never mind'));
      interrupted = true;
      return Promise.reject(new Error('the worker was killed'));
    },
  };
  const { id } = await waiting();
  expect(analysis.asked).toEqual(['classify', 'suggest', 'suggest']);
  expect(await trouble.show(id)).toMatchObject({ label: 'INSTALLATION_FAILURE', suggestions: [] });
});

it('unsure of the cause: nothing is preselected', async () => {
  analysis.answer = { classifyIncident: async () => ({ ...CLASSIFIED, decision: 'hand_to_person' }) };
  const { id } = await waiting();
  const { preselected_suggestion_id, suggestions } = await trouble.show(id);
  expect(preselected_suggestion_id).toBeNull();
  expect(suggestions).toHaveLength(1);
});

it('failures that join are told seldom: a hundred are one more signal', async () => {
  const { handle, error, id } = await waiting(1);
  const signals = () => countEvents(handle, 'workflowExecutionSignaledEventAttributes');
  const before = await signals();
  const agent = (await trouble.remedies(id))[0]?.agent_id ?? (await trouble.fleet.online());
  for (let n = 0; n < 100; n += 1) {
    await trouble.fail(error, agent);
    if (n % 10 === 0) await relayed();
  }
  await relayed();
  await plane.pass(301);
  await relayed();
  expect(await trouble.show(id)).toMatchObject({ occurrence_count: 101 });
  expect((await signals()) - before).toBe(1);
}, 60_000);

it('stale and repeated snapshots are harmless', async () => {
  const { id, handle } = await waiting();
  const [now] = await trouble.incidents.snapshots([id]);
  if (now === undefined) throw new Error('It is gone');
  await handle.signal('incidentChanged', { ...now, status: 'OPENED', version: now.version - 1 });
  for (let n = 0; n < 3; n += 1) await handle.signal('incidentChanged', now);
  await plane.pass(5);
  expect(await handle.query('incidentSnapshot')).toMatchObject({ status: 'AWAITING_DECISION' });
  expect(analysis.asked).toEqual(['classify', 'suggest']);
});

it('the workflow of an incident that is gone ends with its next timer', async () => {
  const { id, handle } = await waiting();
  await database.pool.query('DELETE FROM incident WHERE id = $1', [id]);
  await plane.pass(14_410);
  expect(await handle.result()).toEqual({ outcome: null, occurrences: 0 });
});

it('an open incident whose workflow was ended by other hands gets another one', async () => {
  const { id, handle } = await waiting();
  await handle.terminate('by an operator');
  await trouble.incidents.remindOpen();
  await relayed();
  expect((await (await handleOf(id)).describe()).status.name).toBe('RUNNING');
  await trouble.incidents.reject(id, 'no', DECIDER);
  await relayed();
});

it('current details and search attributes say where the incident stands', async () => {
  const { id, handle } = await waiting(2);
  const shows = (state: string, details: RegExp) =>
    eventually(async () => {
      const { searchAttributes } = await handle.describe();
      expect(searchAttributes['EucoraState']).toEqual([state]);
      expect((await shownOf(handle)).details).toMatch(details);
    });
  await shows('AWAITING_DECISION', /2 occurrences on 2 devices\).*INSTALLATION_FAILURE.*Waits for a person/);
  expect((await handle.describe()).searchAttributes['EucoraIncidentLabel']).toEqual(['INSTALLATION_FAILURE']);
  await approve(id);
  await shows('CANARY', /runs on one device first/);
  const first = await firstOf(id);
  await runs(id, first);
  await trouble.fleet.heartbeat(first);
  await plane.pass(130);
  await shows('ROLLOUT', /Healthy by now: 1 of 2 devices; failed: 0/);
  const other = (await trouble.remedies(id)).find(({ agent_id }) => agent_id !== first)?.agent_id ?? '';
  await runs(id, other);
  await trouble.fleet.heartbeat(other);
  await plane.pass(130);
  await handle.result();
  await shows('CLOSED', /Closed: RESOLVED/);
});

it('a device that is revoked while it is remedied fails without anybody’s word', async () => {
  const { id } = await waiting(1);
  await approve(id);
  const first = await eventually(async () => (await firstOf(id)) || Promise.reject(new Error('none')));
  await remedyIs(id, 'REMEDYING');
  await database.stores.agents.revoke(first, OPERATOR, 'test');
  await trouble.incidents.collect();
  await plane.pass(2);
  await relayed();
  await becomes(id, 'AWAITING_DECISION');
});
