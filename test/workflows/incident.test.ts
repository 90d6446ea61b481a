import { ApplicationFailure } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { CallOptions } from '../../ai/assistant/ports.ts';
import { CLASSIFIED, DECIDER, SUGGESTED, unique } from '../db/support/incidents.ts';
import { eventually } from '../harness/eventually.ts';
import { countEvents, shownOf } from './support/history.ts';
import { IncidentStage } from './support/incident-stage.ts';

// A stage for each story: the engine that skips time counts wrongly once a workflow task of it has expired.
let on: IncidentStage;
beforeEach(async () => {
  on = await IncidentStage.start();
});
afterEach(() => on?.end());

it('no word of a device or a model is in the history', async () => {
  const { id, handle } = await on.waiting(1, unique('Cannot open secret-place of jane'));
  await on.trouble.incidents.reject(id, 'known to jane', DECIDER);
  await on.relayed();
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
  const { id, handle } = await on.waiting();
  await eventually(() => expect(on.webhook.deliveries).toHaveLength(1));
  expect(JSON.parse(on.webhook.deliveries[0]?.body ?? '')).toMatchObject({
    why: 'decision_needed',
    incident: { id, status: 'AWAITING_DECISION', label: 'INSTALLATION_FAILURE' },
  });
  expect(on.webhook.deliveries[0]?.body).not.toContain('script');
  const since = (await on.trouble.show(id)).waiting_since ?? '';
  await on.passUntil(since, 14_395);
  expect((await on.trouble.show(id)).reminders).toBe(0);
  await on.plane.pass(10);
  await eventually(async () => expect((await on.trouble.show(id)).reminders).toBe(1));
  await eventually(() =>
    expect(on.webhook.deliveries.map(({ body }) => JSON.parse(body).why)).toContain('reminder'),
  );
  await on.plane.pass(259_200);
  expect(await handle.result()).toEqual({ outcome: 'EXPIRED', occurrences: 1 });
  const { reminders, closed_at, waiting_since } = await on.trouble.show(id);
  expect(reminders).toBe(17);
  const waited = Date.parse(closed_at ?? '') - Date.parse(waiting_since ?? '');
  expect(waited).toBeGreaterThanOrEqual(259_200_000);
  expect(waited).toBeLessThan(259_210_000);
});

it('a receiver that does not answer holds nothing up', async () => {
  on.webhook.answerWith(500);
  on.answers = false;
  const { id, handle } = await on.waiting();
  await eventually(() => expect(on.webhook.deliveries.length).toBeGreaterThan(0));
  // Longer than anybody tries to tell it.
  await on.plane.pass(3_700);
  await on.trouble.incidents.reject(id, 'no', DECIDER);
  await on.relayed();
  expect(await handle.result()).toMatchObject({ outcome: 'REJECTED' });
});

it('asked again: another analysis with the person’s wish, then another decision', async () => {
  const { id, handle } = await on.waiting();
  await on.trouble.incidents.ask(id, 'gently', DECIDER);
  await on.relayed();
  await eventually(() => expect(on.analysis.asked).toContain('suggest gently'));
  await on.becomes(id, 'AWAITING_DECISION');
  expect((await on.trouble.show(id)).suggestions).toHaveLength(2);
  await on.trouble.incidents.reject(id, 'no', DECIDER);
  await on.relayed();
  await handle.result();
});

it('asks as one who takes a kept answer for the same failure, and anew when a person does', async () => {
  const options: CallOptions[] = [];
  on.analysis.answer = {
    classifyIncident: async (_, option = {}) => {
      options.push(option);
      return CLASSIFIED;
    },
    suggestRemediation: async (_, option = {}) => {
      options.push(option);
      return SUGGESTED;
    },
  };
  const { id } = await on.waiting();
  await on.trouble.incidents.ask(id, undefined, DECIDER);
  await on.relayed();
  await eventually(() => expect(options).toHaveLength(4));
  const { fingerprint } = await on.trouble.show(id);
  expect(options).toEqual(
    [false, false, true, true].map((fresh) => expect.objectContaining({ fingerprint, fresh })),
  );
  await on.becomes(id, 'AWAITING_DECISION');
});

it('an analysis that fails for good leaves the incident to a person', async () => {
  on.analysis.answer = {
    classifyIncident: () => Promise.reject(ApplicationFailure.nonRetryable('a defect')),
  };
  const { id } = await on.waiting();
  expect(await on.trouble.show(id)).toMatchObject({
    label: null,
    suggestions: [],
    advice: expect.stringContaining('The analysis failed'),
  });
});

it('an analysis that is interrupted after its answer was kept asks nobody twice', async () => {
  let interrupted = false;
  on.analysis.answer = {
    suggestRemediation: () => {
      if (interrupted) return Promise.reject(ApplicationFailure.nonRetryable('never mind'));
      interrupted = true;
      return Promise.reject(new Error('the worker was killed'));
    },
  };
  const { id } = await on.waiting();
  expect(on.analysis.asked).toEqual(['classify', 'suggest', 'suggest']);
  expect(await on.trouble.show(id)).toMatchObject({ label: 'INSTALLATION_FAILURE', suggestions: [] });
});

it('unsure of the cause: nothing is preselected', async () => {
  on.analysis.answer = { classifyIncident: async () => ({ ...CLASSIFIED, decision: 'hand_to_person' }) };
  const { id } = await on.waiting();
  const { preselected_suggestion_id, suggestions } = await on.trouble.show(id);
  expect(preselected_suggestion_id).toBeNull();
  expect(suggestions).toHaveLength(1);
});

it('failures that join are told seldom: a hundred are one more signal', async () => {
  const { handle, error, id } = await on.waiting(1);
  const signals = () => countEvents(handle, 'workflowExecutionSignaledEventAttributes');
  const before = await signals();
  const agent = (await on.trouble.remedies(id))[0]?.agent_id ?? (await on.trouble.fleet.online());
  for (let n = 0; n < 100; n += 1) {
    await on.trouble.fail(error, agent);
    if (n % 10 === 0) await on.relayed();
  }
  await on.relayed();
  await on.plane.pass(301);
  await on.relayed();
  expect(await on.trouble.show(id)).toMatchObject({ occurrence_count: 101 });
  expect((await signals()) - before).toBe(1);
});

it('stale and repeated snapshots are harmless', async () => {
  const { id, handle } = await on.waiting();
  const [now] = await on.trouble.incidents.snapshots([id]);
  if (now === undefined) throw new Error('It is gone');
  await handle.signal('incidentChanged', { ...now, status: 'OPENED', version: now.version - 1 });
  for (let n = 0; n < 3; n += 1) await handle.signal('incidentChanged', now);
  await on.plane.pass(5);
  expect(await handle.query('incidentSnapshot')).toMatchObject({ status: 'AWAITING_DECISION' });
  expect(on.analysis.asked).toEqual(['classify', 'suggest']);
});

it('the workflow of an incident that is gone ends with its next timer', async () => {
  const { id, handle } = await on.waiting();
  await on.database.pool.query('DELETE FROM incident WHERE id = $1', [id]);
  await on.plane.pass(14_410);
  expect(await handle.result()).toEqual({ outcome: null, occurrences: 0 });
});

it('an open incident whose workflow was ended by other hands gets another one', async () => {
  const { id, handle } = await on.waiting();
  await handle.terminate('by an operator');
  await on.trouble.incidents.remindOpen();
  await on.relayed();
  expect((await (await on.handleOf(id)).describe()).status.name).toBe('RUNNING');
  await on.trouble.incidents.reject(id, 'no', DECIDER);
  await on.relayed();
});

it('current details and search attributes say where the incident stands', async () => {
  const { id, handle } = await on.waiting(2);
  const shows = (state: string, details: RegExp) =>
    eventually(async () => {
      const { searchAttributes } = await handle.describe();
      expect(searchAttributes['EucoraState']).toEqual([state]);
      expect((await shownOf(handle)).details).toMatch(details);
    });
  await shows('AWAITING_DECISION', /2 occurrences on 2 devices\).*INSTALLATION_FAILURE.*Waits for a person/);
  expect((await handle.describe()).searchAttributes['EucoraIncidentLabel']).toEqual(['INSTALLATION_FAILURE']);
  await on.approve(id);
  await shows('CANARY', /runs on one device first/);
  const first = await on.firstOf(id);
  await on.runs(id, first);
  await on.trouble.fleet.heartbeat(first);
  await on.plane.pass(130);
  await shows('ROLLOUT', /Healthy by now: 1 of 2 devices; failed: 0/);
  const other = (await on.trouble.remedies(id)).find(({ agent_id }) => agent_id !== first)?.agent_id ?? '';
  await on.runs(id, other);
  await on.trouble.fleet.heartbeat(other);
  await on.plane.pass(130);
  await handle.result();
  await shows('CLOSED', /Closed: RESOLVED/);
});
