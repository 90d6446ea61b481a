import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet, OPERATOR } from './support/fleet.ts';
import { DECIDER, Trouble, unique } from './support/incidents.ts';

let database: TestDatabase;
let trouble: Trouble;

beforeAll(async () => {
  database = await createTestDatabase();
  trouble = new Trouble(new Fleet(database));
});
afterAll(() => database?.dispose());
beforeEach(() => trouble.settled());

describe('remedies', () => {
  it('go to one device first, then to the others within the window, and close the incident', async () => {
    const { id, agents } = await trouble.waiting(3);
    await trouble.approve(id);
    await trouble.incidents.advance(id);
    await trouble.incidents.advance(id);
    const states = async () => (await trouble.remedies(id)).map(({ state }) => state);
    expect(await states()).toEqual(['REMEDYING', 'WAITING', 'WAITING']);
    const canary = (await trouble.remedies(id))[0]?.agent_id ?? '';
    expect(agents).toContain(canary);
    const task = await trouble.fleet.find(await trouble.remedyTask(id, canary));
    expect(task).toMatchObject({
      task_type: 'REMEDIATE',
      payload: { script: 'true', interpreter: 'sh' },
      correlation_id: (await trouble.show(id)).correlation_id,
      created_by: (await trouble.show(id)).workflow_id,
    });
    await trouble.run(canary, task.id);
    expect(await trouble.inbox()).toEqual([task.id]);
    await trouble.incidents.advance(id);
    expect(await states()).toEqual(['OBSERVING', 'WAITING', 'WAITING']);
    // Its heartbeat is missing still.
    await database.setClock(121);
    await trouble.incidents.advance(id);
    expect(await states()).toEqual(['OBSERVING', 'WAITING', 'WAITING']);
    await trouble.fleet.heartbeat(canary);
    await database.setClock(242);
    await trouble.incidents.advance(id);
    expect(await trouble.status(id)).toBe('ROLLOUT');
    expect(await states()).toEqual(['HEALTHY', 'REMEDYING', 'REMEDYING']);
    await trouble.heal(id, 242);
    expect(await trouble.show(id)).toMatchObject({
      status: 'CLOSED',
      outcome: 'RESOLVED',
      remedies: { HEALTHY: 3 },
    });
  });

  it('a first device on which the script fails brings the incident back to a person', async () => {
    const { id } = await trouble.waiting(2);
    await trouble.approve(id);
    await trouble.incidents.advance(id);
    const canary = (await trouble.remedies(id))[0]?.agent_id ?? '';
    await trouble.run(canary, await trouble.remedyTask(id, canary), 'no such file');
    await trouble.incidents.advance(id);
    expect(await trouble.show(id)).toMatchObject({
      status: 'AWAITING_DECISION',
      advice: 'The remedy failed on the first device',
      preselected_suggestion_id: null,
      remedies: { FAILED: 1, SKIPPED: 1 },
    });
    expect((await trouble.remedies(id))[0]?.error).toBe('The remedy ended FAILED: no such file');
    // The remedy's own failure is no occurrence of anything.
    const before = await trouble.collected();
    expect(before).toBe(id);
    expect(await trouble.show(id)).toMatchObject({ occurrence_count: 2 });
  });

  it('a failed task that is done again and fails again fails its device', async () => {
    const { id, error } = await trouble.waiting(1);
    await trouble.approve(id, { retry_failed_tasks: true });
    await trouble.incidents.advance(id);
    const [remedy] = await trouble.remedies(id);
    const agent = remedy?.agent_id ?? '';
    await trouble.run(agent, await trouble.remedyTask(id, agent));
    await trouble.incidents.advance(id);
    const again = await trouble.remedyTask(id, agent);
    expect(await trouble.fleet.find(again)).toMatchObject({
      task_type: 'DEPLOY',
      retry_of: remedy?.failed_task_id,
    });
    await trouble.run(agent, again, error);
    await trouble.incidents.collect();
    await trouble.incidents.advance(id);
    expect(await trouble.show(id)).toMatchObject({ status: 'AWAITING_DECISION', occurrence_count: 2 });
    expect((await trouble.remedies(id))[0]?.error).toContain('The check after the remedy ended FAILED');
  });

  it('a failed task that is done again and succeeds makes its device healthy', async () => {
    const { id } = await trouble.waiting(2);
    await trouble.approve(id, { retry_failed_tasks: true });
    await trouble.heal(id);
    expect(await trouble.show(id)).toMatchObject({ outcome: 'RESOLVED', retry_failed_tasks: true });
    for (const { verify_task_id } of await trouble.remedies(id))
      expect(await trouble.fleet.find(verify_task_id ?? '')).toMatchObject({ status: 'COMPLETED' });
  });

  it('a suggestion’s own check runs where the failed task is not done again', async () => {
    const { id } = await trouble.waiting(1);
    const script = {
      interpreter: 'sh',
      script: 'true',
      verification: 'test -e /x',
      explanation: '',
    } as const;
    await trouble.incidents.edit(id, script, DECIDER);
    await trouble.approve(id);
    await trouble.incidents.advance(id);
    const agent = (await trouble.remedies(id))[0]?.agent_id ?? '';
    await trouble.run(agent, await trouble.remedyTask(id, agent));
    await trouble.incidents.advance(id);
    const check = await trouble.remedyTask(id, agent);
    expect(await trouble.fleet.find(check)).toMatchObject({ payload: { script: 'test -e /x' } });
    await trouble.run(agent, check, 'The script ended with exit code 1');
    await trouble.incidents.collect();
    await trouble.incidents.advance(id);
    expect(await trouble.show(id)).toMatchObject({ status: 'AWAITING_DECISION', occurrence_count: 1 });
  });

  it('a failure that comes back while the device is observed fails it at once', async () => {
    const { id, error } = await trouble.waiting(1);
    await trouble.approve(id);
    await trouble.incidents.advance(id);
    const agent = (await trouble.remedies(id))[0]?.agent_id ?? '';
    await trouble.run(agent, await trouble.remedyTask(id, agent));
    await trouble.incidents.advance(id);
    await database.setClock(5);
    await trouble.fail(error, agent);
    await trouble.incidents.collect();
    await trouble.incidents.advance(id);
    expect((await trouble.remedies(id))[0]).toMatchObject({
      state: 'FAILED',
      error: 'The failure came back after the remedy',
    });
  });

  it('a device that does not take the script in time is given up, and its task is cancelled', async () => {
    const { id } = await trouble.waiting(1);
    await trouble.approve(id);
    await trouble.incidents.advance(id);
    const agent = (await trouble.remedies(id))[0]?.agent_id ?? '';
    const task = await trouble.remedyTask(id, agent);
    await database.setClock(3_601);
    await trouble.incidents.advance(id);
    expect((await trouble.fleet.find(task)).status).toBe('CANCELLED');
    expect(await trouble.show(id)).toMatchObject({ status: 'AWAITING_DECISION', remedies: { FAILED: 1 } });
  });

  it('a failed task that is deleted before it can be done again fails its device', async () => {
    const { id } = await trouble.waiting(1);
    await trouble.approve(id, { retry_failed_tasks: true });
    await trouble.incidents.advance(id);
    const [remedy] = await trouble.remedies(id);
    const agent = remedy?.agent_id ?? '';
    await trouble.run(agent, await trouble.remedyTask(id, agent));
    await database.pool.query('DELETE FROM agent_task WHERE id = $1', [remedy?.failed_task_id]);
    await trouble.incidents.advance(id);
    expect(await trouble.show(id)).toMatchObject({ status: 'AWAITING_DECISION', remedies: { FAILED: 1 } });
    expect((await trouble.remedies(id))[0]?.error).toBe(
      'The failed task was deleted, or its device was revoked',
    );
  });

  it('without the script that was approved nothing begins', async () => {
    const { id } = await trouble.waiting(1);
    await trouble.approve(id);
    await database.pool.query('DELETE FROM incident_suggestion WHERE incident_id = $1', [id]);
    await expect(trouble.incidents.advance(id)).rejects.toThrow('approved without a suggestion');
    expect((await trouble.remedies(id)).map(({ state }) => state)).toEqual(['WAITING']);
  });

  it('a device that is never heard again after the script is given up', async () => {
    const { id } = await trouble.waiting(1);
    await trouble.approve(id);
    await trouble.incidents.advance(id);
    const agent = (await trouble.remedies(id))[0]?.agent_id ?? '';
    await trouble.run(agent, await trouble.remedyTask(id, agent));
    await trouble.incidents.advance(id);
    await database.setClock(3_700);
    await trouble.incidents.advance(id);
    expect((await trouble.remedies(id))[0]?.error).toBe(
      'The device was not heard after the remedy, within its time',
    );
  });

  it('a device that is revoked, or deleted, before or during its turn has failed', async () => {
    const { id } = await trouble.waiting(4);
    await trouble.approve(id);
    const [canary, second, third] = (await trouble.remedies(id)).map(({ agent_id }) => agent_id);
    const { agents } = database.stores;
    await trouble.incidents.advance(id);
    await agents.delete(second ?? '', OPERATOR, 'test');
    await agents.revoke(third ?? '', OPERATOR, 'test');
    await trouble.run(canary ?? '', await trouble.remedyTask(id, canary ?? ''));
    await trouble.incidents.advance(id);
    await database.setClock(5);
    await trouble.fleet.heartbeat(canary ?? '');
    await database.setClock(125);
    await trouble.incidents.advance(id);
    expect((await trouble.remedies(id)).map(({ state }) => state)).toEqual([
      'HEALTHY',
      'FAILED',
      'FAILED',
      'REMEDYING',
    ]);
    const last = (await trouble.remedies(id))[3]?.agent_id ?? '';
    await agents.delete(last, OPERATOR, 'test');
    await trouble.incidents.advance(id);
    expect(await trouble.show(id)).toMatchObject({
      status: 'AWAITING_DECISION',
      advice: 'The remedy failed on 3 of 4 devices',
    });
  });

  it('a rollout that fails too often is stopped before it reaches all', async () => {
    const few = await createTestDatabase({ EUCORA_INCIDENT_ROLLOUT_WINDOW: '3' });
    const other = new Trouble(new Fleet(few));
    try {
      const { id } = await other.waiting(8);
      await other.approve(id);
      await other.incidents.advance(id);
      const canary = (await other.remedies(id))[0]?.agent_id ?? '';
      await other.run(canary, await other.remedyTask(id, canary));
      await other.incidents.advance(id);
      await few.setClock(5);
      await other.fleet.heartbeat(canary);
      await few.setClock(125);
      await other.incidents.advance(id);
      const running = (await other.remedies(id)).filter(({ state }) => state === 'REMEDYING');
      expect(running).toHaveLength(3);
      // The window is full.
      await other.incidents.advance(id);
      expect((await other.remedies(id)).filter(({ state }) => state === 'REMEDYING')).toHaveLength(3);
      for (const { agent_id } of running)
        await other.run(agent_id, await other.remedyTask(id, agent_id), 'bad');
      await other.incidents.advance(id);
      expect(await other.show(id)).toMatchObject({
        status: 'AWAITING_DECISION',
        advice: 'The remedy failed on 3 devices and was stopped',
        remedies: { HEALTHY: 1, FAILED: 3, SKIPPED: 4 },
      });
      // The next approval leaves out what is healthy.
      const [suggestion] = (await other.show(id)).suggestions;
      await few.setClock(130);
      await other.approve(id, { suggestion_id: suggestion?.id ?? '' });
      expect(await other.show(id)).toMatchObject({ remedies: { WAITING: 7 } });
    } finally {
      await few.dispose();
    }
  });

  it('devices that fail alike after the approval get nothing without another one', async () => {
    const { id, error } = await trouble.waiting(1);
    await trouble.approve(id);
    const [late] = await trouble.fail(error);
    await trouble.incidents.collect();
    await trouble.heal(id);
    expect(await trouble.show(id)).toMatchObject({
      status: 'AWAITING_DECISION',
      advice: '1 more devices failed alike since the approval',
    });
    const remedied = (await trouble.remedies(id)).map(({ agent_id }) => agent_id);
    expect(remedied).not.toContain(late);
  });

  it('are stopped on the first device: its task is cancelled, the others get none, a late word counts for nothing', async () => {
    const { id } = await trouble.waiting(3);
    await trouble.approve(id);
    await trouble.incidents.advance(id);
    const canary = (await trouble.remedies(id))[0]?.agent_id ?? '';
    const task = await trouble.remedyTask(id, canary);
    await trouble.fleet.heartbeat(canary);
    await database.stores.tasks.takeWord(task, canary, { word: 'start' }, 'test');
    expect(await trouble.incidents.stop(id, 'odd', DECIDER)).toEqual({ kind: 'decided' });
    expect(await trouble.fleet.find(task)).toMatchObject({
      status: 'CANCELLED',
      error_message: 'The remedy was stopped',
    });
    const late = await database.stores.tasks.takeWord(task, canary, { word: 'complete', result: {} }, 'test');
    expect(late.kind).not.toBe('taken');
    await trouble.incidents.collect();
    await trouble.incidents.advance(id);
    expect(await trouble.show(id)).toMatchObject({
      status: 'AWAITING_DECISION',
      advice: `Stopped by ${OPERATOR.id}: odd`,
      preselected_suggestion_id: null,
      occurrence_count: 3,
      remedies: { STOPPED: 1, SKIPPED: 2 },
    });
    expect((await trouble.incidents.leaseUntold(50)).map((due) => due.id)).toContain(id);
  });

  it('are stopped on the rest: what is healthy stays so, and the next approval takes the others', async () => {
    const { id, agents } = await trouble.waiting(3);
    await trouble.approve(id, { retry_failed_tasks: true });
    await trouble.incidents.advance(id);
    const canary = (await trouble.remedies(id))[0]?.agent_id ?? '';
    for (let n = 0; n < 2; n += 1) {
      await trouble.run(canary, await trouble.remedyTask(id, canary));
      await trouble.incidents.advance(id);
    }
    await database.setClock(5);
    await trouble.fleet.heartbeat(canary);
    await database.setClock(130);
    await trouble.incidents.advance(id);
    // One of the others is checked by now, the other still has the script.
    const [second = '', third = ''] = agents.filter((agent) => agent !== canary);
    await trouble.run(second, await trouble.remedyTask(id, second));
    await trouble.incidents.advance(id);
    const open = [await trouble.remedyTask(id, second), await trouble.remedyTask(id, third)];
    expect(await trouble.incidents.stop(id, 'odd', DECIDER)).toEqual({ kind: 'decided' });
    for (const task of open) expect((await trouble.fleet.find(task)).status).toBe('CANCELLED');
    expect(await trouble.show(id)).toMatchObject({
      status: 'AWAITING_DECISION',
      remedies: { HEALTHY: 1, STOPPED: 2 },
    });
    const [suggestion] = (await trouble.show(id)).suggestions;
    await database.setClock(131);
    await trouble.approve(id, { suggestion_id: suggestion?.id ?? '' });
    await trouble.heal(id, 131);
    expect(await trouble.show(id)).toMatchObject({ outcome: 'RESOLVED', remedies: { HEALTHY: 2 } });
    expect(await trouble.incidents.stop(id, 'late', DECIDER)).toEqual({ kind: 'refused', status: 'CLOSED' });
  });

  it('are stopped or go on, whichever is first: no task is left open', async () => {
    const { id } = await trouble.waiting(2);
    await trouble.approve(id);
    await Promise.all([
      trouble.incidents.advance(id),
      trouble.incidents.stop(id, 'odd', DECIDER),
      trouble.incidents.advance(id),
    ]);
    const { rows } = await database.pool.query(
      `SELECT 1 FROM agent_task WHERE created_by = $1 AND status <> 'CANCELLED'`,
      [(await trouble.show(id)).workflow_id],
    );
    expect([await trouble.status(id), rows]).toEqual(['AWAITING_DECISION', []]);
  });

  it('that do not run cannot be stopped', async () => {
    await trouble.fail(unique('opened'));
    const opened = await trouble.collected();
    expect(await trouble.incidents.stop(opened, 'x', DECIDER)).toEqual({ kind: 'refused', status: 'OPENED' });
    const { id } = await trouble.waiting();
    expect(await trouble.incidents.stop(id, 'x', DECIDER)).toEqual({
      kind: 'refused',
      status: 'AWAITING_DECISION',
    });
    const nobody = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';
    expect(await trouble.incidents.stop(nobody, 'x', DECIDER)).toEqual({ kind: 'not_found' });
  });

  it('advancing what is not approved does nothing', async () => {
    const { id } = await trouble.waiting(1);
    await trouble.incidents.advance(id);
    expect(await trouble.remedies(id)).toEqual([]);
  });
});
