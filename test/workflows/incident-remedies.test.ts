import { OPERATOR } from '../db/support/fleet.ts';
import { DECIDER } from '../db/support/incidents.ts';
import { eventually } from '../harness/eventually.ts';
import { unwatched } from './support/history.ts';
import { IncidentStage } from './support/incident-stage.ts';

// A stage for each story: the engine that skips time counts wrongly once a workflow task of it has expired.
let on: IncidentStage;
beforeEach(async () => {
  on = await IncidentStage.start();
});
afterEach(() => on?.end());

it('opened, classified, approved, healthy on the first device, then on the rest: resolved', async () => {
  const { id, handle, agents } = await on.waiting(3);
  expect(on.analysis.asked).toEqual(['classify', 'suggest']);
  await on.approve(id);
  await on.remedyIs(id, 'REMEDYING', 'WAITING', 'WAITING');
  const first = await on.firstOf(id);
  await on.runs(id, first);
  await on.remedyIs(id, 'OBSERVING', 'WAITING', 'WAITING');
  await on.trouble.fleet.heartbeat(first);
  await on.plane.pass(100);
  expect((await on.trouble.show(id)).status).toBe('CANARY');
  await on.plane.pass(30);
  await on.becomes(id, 'ROLLOUT');
  for (const agent of agents.filter((other) => other !== first)) {
    await on.runs(id, agent);
    await on.trouble.fleet.heartbeat(agent);
  }
  await on.plane.pass(130);
  expect(await handle.result()).toEqual({ outcome: 'RESOLVED', occurrences: 3 });
  expect(await on.trouble.show(id)).toMatchObject({
    status: 'CLOSED',
    outcome: 'RESOLVED',
    remedies: { HEALTHY: 3 },
  });
  expect(await unwatched(handle)).toEqual([]);
});

it('a script that fails on the first device brings a person back, and the next approval goes on', async () => {
  const { id, handle } = await on.waiting(2);
  await on.approve(id);
  await on.remedyIs(id, 'REMEDYING', 'WAITING');
  await on.runs(id, await on.firstOf(id), 'no such file');
  await on.becomes(id, 'AWAITING_DECISION');
  expect(await on.trouble.show(id)).toMatchObject({
    advice: 'The remedy failed on the first device',
    remedies: { FAILED: 1, SKIPPED: 1 },
  });
  await on.toldAgain(id, 'The remedy failed on the first device');
  const script = { interpreter: 'sh', script: 'echo better', verification: '', explanation: '' } as const;
  await on.trouble.incidents.edit(id, script, DECIDER);
  await on.approve(id);
  await eventually(async () =>
    expect(await on.trouble.show(id)).toMatchObject({ remedies: { REMEDYING: 1 } }),
  );
  await on.trouble.incidents.reject(id, 'x', DECIDER);
  await handle.terminate();
});

it('stopped on the first device: a person decides anew, with reminders, and nothing more runs', async () => {
  const { id, handle } = await on.waiting(3);
  await on.approve(id);
  await on.remedyIs(id, 'REMEDYING', 'WAITING', 'WAITING');
  await on.plane.syncClock();
  expect(await on.trouble.incidents.stop(id, 'odd', DECIDER)).toEqual({ kind: 'decided' });
  await on.relayed();
  await on.toldAgain(id, expect.stringMatching(/^Stopped by .*: odd$/));
  await eventually(async () =>
    expect(await handle.query('incidentSnapshot')).toMatchObject({
      status: 'AWAITING_DECISION',
      due: 'reminder',
    }),
  );
  await on.plane.pass(14_410);
  await eventually(async () => expect((await on.trouble.show(id)).reminders).toBe(1));
  await on.remedyIs(id, 'STOPPED', 'SKIPPED', 'SKIPPED');
  await on.trouble.incidents.reject(id, 'no', DECIDER);
  await on.relayed();
  expect(await handle.result()).toMatchObject({ outcome: 'REJECTED' });
});

it('approved and stopped before the workflow heard of either: somebody is told all the same', async () => {
  const { id, handle } = await on.waiting(2);
  expect(await on.trouble.approve(id)).toEqual({ kind: 'decided' });
  expect(await on.trouble.incidents.stop(id, 'odd', DECIDER)).toEqual({ kind: 'decided' });
  await on.relayed();
  await on.toldAgain(id, expect.stringMatching(/^Stopped by .*: odd$/));
  await on.remedyIs(id, 'SKIPPED', 'SKIPPED');
  await on.trouble.incidents.reject(id, 'no', DECIDER);
  await on.relayed();
  expect(await handle.result()).toMatchObject({ outcome: 'REJECTED' });
});

it('stopped on the rest: the next approval heals what is left', async () => {
  const { id, handle, agents } = await on.waiting(2);
  await on.approve(id);
  const first = await on.firstOf(id);
  await on.runs(id, first);
  await on.trouble.fleet.heartbeat(first);
  await on.plane.pass(130);
  await on.becomes(id, 'ROLLOUT');
  await on.remedyIs(id, 'HEALTHY', 'REMEDYING');
  await on.plane.syncClock();
  await on.trouble.incidents.stop(id, 'odd', DECIDER);
  await on.relayed();
  await on.plane.pass(2);
  const [suggestion] = (await on.trouble.show(id)).suggestions;
  await on.plane.syncClock();
  await on.approve(id, { suggestion_id: suggestion?.id ?? '' });
  const other = agents.find((agent) => agent !== first) ?? '';
  await on.runs(id, other);
  await on.trouble.fleet.heartbeat(other);
  await on.plane.pass(130);
  expect(await handle.result()).toEqual({ outcome: 'RESOLVED', occurrences: 2 });
});

it('a first device that does not take the script in time is given up', async () => {
  const { id } = await on.waiting(1);
  await on.approve(id);
  await on.remedyIs(id, 'REMEDYING');
  await on.plane.pass(3_610);
  await on.becomes(id, 'AWAITING_DECISION');
  expect((await on.trouble.remedies(id))[0]?.error).toBe('Not remedied within its time');
  await on.toldAgain(id, 'The remedy failed on the first device');
});

it('a first device that is not heard after the script is given up, not healthy', async () => {
  const { id } = await on.waiting(1);
  await on.approve(id);
  await on.runs(id, await on.firstOf(id));
  await on.remedyIs(id, 'OBSERVING');
  await on.plane.pass(600);
  expect((await on.trouble.show(id)).status).toBe('CANARY');
  await on.plane.pass(3_100);
  await on.becomes(id, 'AWAITING_DECISION');
});

it('the failed task is done again after the script, and its success counts', async () => {
  const { id, handle } = await on.waiting(1);
  await on.approve(id, { retry_failed_tasks: true });
  const first = await on.firstOf(id);
  await on.runs(id, first);
  await on.remedyIs(id, 'VERIFYING');
  await on.runs(id, first);
  await on.remedyIs(id, 'OBSERVING');
  await on.trouble.fleet.heartbeat(first);
  await on.plane.pass(130);
  expect(await handle.result()).toMatchObject({ outcome: 'RESOLVED' });
});

it('a failure that comes back reopens the incident under the same workflow id', async () => {
  const { id, handle, error } = await on.waiting(1);
  await on.approve(id);
  const first = await on.firstOf(id);
  await on.runs(id, first);
  await on.trouble.fleet.heartbeat(first);
  await on.plane.pass(130);
  await handle.result();
  const { runId } = await handle.describe();
  await on.plane.syncClock();
  await on.trouble.fail(error);
  await on.relayed();
  await on.becomes(id, 'AWAITING_DECISION');
  const reopened = await (await on.handleOf(id)).describe();
  expect(reopened.status.name).toBe('RUNNING');
  expect(reopened.runId).not.toBe(runId);
  expect(await on.trouble.show(id)).toMatchObject({ occurrence_count: 2, outcome: null });
});

it('a device that is revoked while it is remedied fails without anybody’s word', async () => {
  const { id } = await on.waiting(1);
  await on.approve(id);
  const first = await on.firstOf(id);
  await on.remedyIs(id, 'REMEDYING');
  await on.database.stores.agents.revoke(first, OPERATOR, 'test');
  await on.trouble.incidents.collect();
  await on.plane.pass(2);
  await on.relayed();
  await on.becomes(id, 'AWAITING_DECISION');
});
