import { createTestDatabase } from '../harness/database.ts';
import { Fleet, OPERATOR } from './support/fleet.ts';
import { DECIDER, Trouble, troubled, unique } from './support/incidents.ts';
import { untilSomebodyWaits } from './support/locks.ts';
import { statementsOf } from './support/statements.ts';

const on = troubled();

describe('remedies', () => {
  it('go to one device first, then to the others within the window, and close the incident', async () => {
    const { id, agents } = await on.trouble.waiting(3);
    await on.trouble.approve(id);
    await on.trouble.incidents.advance(id);
    await on.trouble.incidents.advance(id);
    const states = async () => (await on.trouble.remedies(id)).map(({ state }) => state);
    expect(await states()).toEqual(['REMEDYING', 'WAITING', 'WAITING']);
    const canary = (await on.trouble.remedies(id))[0]?.agent_id ?? '';
    expect(agents).toContain(canary);
    const task = await on.trouble.fleet.find(await on.trouble.remedyTask(id, canary));
    expect(task).toMatchObject({
      task_type: 'REMEDIATE',
      payload: { script: 'true', interpreter: 'sh' },
      correlation_id: (await on.trouble.show(id)).correlation_id,
      created_by: (await on.trouble.show(id)).workflow_id,
    });
    await on.trouble.run(canary, task.id);
    expect(await on.trouble.inbox()).toEqual([task.id]);
    await on.trouble.incidents.advance(id);
    expect(await states()).toEqual(['OBSERVING', 'WAITING', 'WAITING']);
    // Its heartbeat is missing still.
    await on.database.setClock(121);
    await on.trouble.incidents.advance(id);
    expect(await states()).toEqual(['OBSERVING', 'WAITING', 'WAITING']);
    await on.trouble.fleet.heartbeat(canary);
    await on.database.setClock(242);
    await on.trouble.incidents.advance(id);
    expect(await on.trouble.status(id)).toBe('ROLLOUT');
    expect(await states()).toEqual(['HEALTHY', 'REMEDYING', 'REMEDYING']);
    await on.trouble.heal(id, 242);
    expect(await on.trouble.show(id)).toMatchObject({
      status: 'CLOSED',
      outcome: 'RESOLVED',
      remedies: { HEALTHY: 3 },
    });
  });

  it('a first device on which the script fails brings the incident back to a person', async () => {
    const { id } = await on.trouble.waiting(2);
    await on.trouble.approve(id);
    await on.trouble.incidents.advance(id);
    const canary = (await on.trouble.remedies(id))[0]?.agent_id ?? '';
    await on.trouble.run(canary, await on.trouble.remedyTask(id, canary), 'no such file');
    await on.trouble.incidents.advance(id);
    expect(await on.trouble.show(id)).toMatchObject({
      status: 'AWAITING_DECISION',
      advice: 'The remedy failed on the first device',
      preselected_suggestion_id: null,
      remedies: { FAILED: 1, SKIPPED: 1 },
    });
    expect((await on.trouble.remedies(id))[0]?.error).toBe('The remedy ended FAILED: no such file');
    // The remedy's own failure is no occurrence of anything.
    const before = await on.trouble.collected();
    expect(before).toBe(id);
    expect(await on.trouble.show(id)).toMatchObject({ occurrence_count: 2 });
  });

  it('to be checked do not wait in a circle with agents that come and go', async () => {
    const { id } = await on.trouble.waiting(3);
    await on.trouble.approve(id, { retry_failed_tasks: true });
    await on.trouble.incidents.advance(id);
    const [first] = await on.trouble.remedies(id);
    await on.database.pool.query(`UPDATE incident_remedy SET state = 'HEALTHY' WHERE id = $1`, [first?.id]);
    await on.trouble.incidents.advance(id);
    const begun = (await on.trouble.remedies(id)).filter(({ state }) => state === 'REMEDYING');
    for (const { agent_id } of begun)
      await on.trouble.run(agent_id, await on.trouble.remedyTask(id, agent_id));
    // The remedies stand in the opposite order of their agents.
    const [low = '', high = ''] = begun.map(({ agent_id }) => agent_id).sort();
    for (const [n, agent] of [high, low].entries())
      await on.database.pool.query(
        'UPDATE incident_remedy SET id = $3 WHERE incident_id = $1 AND agent_id = $2',
        [id, agent, `00000000-0000-7000-8000-00000000000${n}`],
      );
    const leaving = await on.database.pool.connect();
    const leave = (agent: string) =>
      leaving.query('UPDATE agent SET updated_at = now() WHERE id = $1', [agent]);
    try {
      await leaving.query('BEGIN');
      await leave(low);
      const said = await statementsOf(async () => {
        const advanced = on.trouble.incidents.advance(id);
        await untilSomebodyWaits(on.database.pool);
        await Promise.all([leave(high).then(() => leaving.query('COMMIT')), advanced]);
      });
      // A transaction that loses a deadlock would begin again.
      expect(said.filter((text) => text === 'BEGIN')).toHaveLength(1);
    } finally {
      leaving.release();
    }
    const states = (await on.trouble.remedies(id)).map(({ state }) => state);
    expect(states.sort()).toEqual(['HEALTHY', 'VERIFYING', 'VERIFYING']);
  });

  it('a failed task that is done again and fails again fails its device', async () => {
    const { id, error } = await on.trouble.waiting(1);
    await on.trouble.approve(id, { retry_failed_tasks: true });
    await on.trouble.incidents.advance(id);
    const [remedy] = await on.trouble.remedies(id);
    const agent = remedy?.agent_id ?? '';
    await on.trouble.run(agent, await on.trouble.remedyTask(id, agent));
    await on.trouble.incidents.advance(id);
    const again = await on.trouble.remedyTask(id, agent);
    expect(await on.trouble.fleet.find(again)).toMatchObject({
      task_type: 'DEPLOY',
      retry_of: remedy?.failed_task_id,
    });
    await on.trouble.run(agent, again, error);
    await on.trouble.incidents.collect();
    await on.trouble.incidents.advance(id);
    expect(await on.trouble.show(id)).toMatchObject({ status: 'AWAITING_DECISION', occurrence_count: 2 });
    expect((await on.trouble.remedies(id))[0]?.error).toContain('The check after the remedy ended FAILED');
  });

  it('a failed task that is done again and succeeds makes its device healthy', async () => {
    const { id } = await on.trouble.waiting(2);
    await on.trouble.approve(id, { retry_failed_tasks: true });
    await on.trouble.heal(id);
    expect(await on.trouble.show(id)).toMatchObject({ outcome: 'RESOLVED', retry_failed_tasks: true });
    for (const { verify_task_id } of await on.trouble.remedies(id))
      expect(await on.trouble.fleet.find(verify_task_id ?? '')).toMatchObject({ status: 'COMPLETED' });
  });

  it('a suggestion’s own check runs where the failed task is not done again', async () => {
    const { id } = await on.trouble.waiting(1);
    const script = {
      interpreter: 'sh',
      script: 'true',
      verification: 'test -e /x',
      explanation: '',
    } as const;
    await on.trouble.incidents.edit(id, script, DECIDER);
    await on.trouble.approve(id);
    await on.trouble.incidents.advance(id);
    const agent = (await on.trouble.remedies(id))[0]?.agent_id ?? '';
    await on.trouble.run(agent, await on.trouble.remedyTask(id, agent));
    await on.trouble.incidents.advance(id);
    const check = await on.trouble.remedyTask(id, agent);
    expect(await on.trouble.fleet.find(check)).toMatchObject({ payload: { script: 'test -e /x' } });
    await on.trouble.run(agent, check, 'The script ended with exit code 1');
    await on.trouble.incidents.collect();
    await on.trouble.incidents.advance(id);
    expect(await on.trouble.show(id)).toMatchObject({ status: 'AWAITING_DECISION', occurrence_count: 1 });
  });

  it('a failure that comes back while the device is observed fails it at once', async () => {
    const { id, error } = await on.trouble.waiting(1);
    await on.trouble.approve(id);
    await on.trouble.incidents.advance(id);
    const agent = (await on.trouble.remedies(id))[0]?.agent_id ?? '';
    await on.trouble.run(agent, await on.trouble.remedyTask(id, agent));
    await on.trouble.incidents.advance(id);
    await on.database.setClock(5);
    await on.trouble.fail(error, agent);
    await on.trouble.incidents.collect();
    await on.trouble.incidents.advance(id);
    expect((await on.trouble.remedies(id))[0]).toMatchObject({
      state: 'FAILED',
      error: 'The failure came back after the remedy',
    });
  });

  it('a device that does not take the script in time is given up, and its task is cancelled', async () => {
    const { id } = await on.trouble.waiting(1);
    await on.trouble.approve(id);
    await on.trouble.incidents.advance(id);
    const agent = (await on.trouble.remedies(id))[0]?.agent_id ?? '';
    const task = await on.trouble.remedyTask(id, agent);
    await on.database.setClock(3_601);
    await on.trouble.incidents.advance(id);
    expect((await on.trouble.fleet.find(task)).status).toBe('CANCELLED');
    expect(await on.trouble.show(id)).toMatchObject({ status: 'AWAITING_DECISION', remedies: { FAILED: 1 } });
  });

  it('a failed task that is deleted before it can be done again fails its device', async () => {
    const { id } = await on.trouble.waiting(1);
    await on.trouble.approve(id, { retry_failed_tasks: true });
    await on.trouble.incidents.advance(id);
    const [remedy] = await on.trouble.remedies(id);
    const agent = remedy?.agent_id ?? '';
    await on.trouble.run(agent, await on.trouble.remedyTask(id, agent));
    await on.database.pool.query('DELETE FROM agent_task WHERE id = $1', [remedy?.failed_task_id]);
    await on.trouble.incidents.advance(id);
    expect(await on.trouble.show(id)).toMatchObject({ status: 'AWAITING_DECISION', remedies: { FAILED: 1 } });
    expect((await on.trouble.remedies(id))[0]?.error).toBe(
      'The failed task was deleted, or its device was revoked',
    );
  });

  it('without the script that was approved nothing begins', async () => {
    const { id } = await on.trouble.waiting(1);
    await on.trouble.approve(id);
    await on.database.pool.query('DELETE FROM incident_suggestion WHERE incident_id = $1', [id]);
    await expect(on.trouble.incidents.advance(id)).rejects.toThrow('approved without a suggestion');
    expect((await on.trouble.remedies(id)).map(({ state }) => state)).toEqual(['WAITING']);
  });

  it('a device that is never heard again after the script is given up', async () => {
    const { id } = await on.trouble.waiting(1);
    await on.trouble.approve(id);
    await on.trouble.incidents.advance(id);
    const agent = (await on.trouble.remedies(id))[0]?.agent_id ?? '';
    await on.trouble.run(agent, await on.trouble.remedyTask(id, agent));
    await on.trouble.incidents.advance(id);
    await on.database.setClock(3_700);
    await on.trouble.incidents.advance(id);
    expect((await on.trouble.remedies(id))[0]?.error).toBe(
      'The device was not heard after the remedy, within its time',
    );
  });

  it('a device that is revoked, or deleted, before or during its turn has failed', async () => {
    const { id } = await on.trouble.waiting(4);
    await on.trouble.approve(id);
    const [canary, second, third] = (await on.trouble.remedies(id)).map(({ agent_id }) => agent_id);
    const { agents } = on.database.stores;
    await on.trouble.incidents.advance(id);
    await agents.delete(second ?? '', OPERATOR, 'test');
    await agents.revoke(third ?? '', OPERATOR, 'test');
    await on.trouble.run(canary ?? '', await on.trouble.remedyTask(id, canary ?? ''));
    await on.trouble.incidents.advance(id);
    await on.database.setClock(5);
    await on.trouble.fleet.heartbeat(canary ?? '');
    await on.database.setClock(125);
    await on.trouble.incidents.advance(id);
    expect((await on.trouble.remedies(id)).map(({ state }) => state)).toEqual([
      'HEALTHY',
      'FAILED',
      'FAILED',
      'REMEDYING',
    ]);
    const last = (await on.trouble.remedies(id))[3]?.agent_id ?? '';
    await agents.delete(last, OPERATOR, 'test');
    await on.trouble.incidents.advance(id);
    expect(await on.trouble.show(id)).toMatchObject({
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
    const { id, error } = await on.trouble.waiting(1);
    await on.trouble.approve(id);
    const [late] = await on.trouble.fail(error);
    await on.trouble.incidents.collect();
    await on.trouble.heal(id);
    expect(await on.trouble.show(id)).toMatchObject({
      status: 'AWAITING_DECISION',
      advice: '1 more devices failed alike since the approval',
    });
    const remedied = (await on.trouble.remedies(id)).map(({ agent_id }) => agent_id);
    expect(remedied).not.toContain(late);
  });

  it('are stopped on the first device: its task is cancelled, the others get none, a late word counts for nothing', async () => {
    const { id } = await on.trouble.waiting(3);
    await on.trouble.approve(id);
    await on.trouble.incidents.advance(id);
    const canary = (await on.trouble.remedies(id))[0]?.agent_id ?? '';
    const task = await on.trouble.remedyTask(id, canary);
    await on.trouble.fleet.heartbeat(canary);
    await on.database.stores.tasks.takeWord(task, canary, { word: 'start' }, 'test');
    expect(await on.trouble.incidents.stop(id, 'odd', DECIDER)).toEqual({ kind: 'decided' });
    expect(await on.trouble.fleet.find(task)).toMatchObject({
      status: 'CANCELLED',
      error_message: 'The remedy was stopped',
    });
    const late = await on.database.stores.tasks.takeWord(
      task,
      canary,
      { word: 'complete', result: {} },
      'test',
    );
    expect(late.kind).not.toBe('taken');
    await on.trouble.incidents.collect();
    await on.trouble.incidents.advance(id);
    expect(await on.trouble.show(id)).toMatchObject({
      status: 'AWAITING_DECISION',
      advice: `Stopped by ${OPERATOR.id}: odd`,
      preselected_suggestion_id: null,
      occurrence_count: 3,
      remedies: { STOPPED: 1, SKIPPED: 2 },
    });
    expect((await on.trouble.incidents.leaseUntold(50)).map((due) => due.id)).toContain(id);
  });

  it('are stopped on the rest: what is healthy stays so, and the next approval takes the others', async () => {
    const { id, agents } = await on.trouble.waiting(3);
    await on.trouble.approve(id, { retry_failed_tasks: true });
    await on.trouble.incidents.advance(id);
    const canary = (await on.trouble.remedies(id))[0]?.agent_id ?? '';
    for (let n = 0; n < 2; n += 1) {
      await on.trouble.run(canary, await on.trouble.remedyTask(id, canary));
      await on.trouble.incidents.advance(id);
    }
    await on.database.setClock(5);
    await on.trouble.fleet.heartbeat(canary);
    await on.database.setClock(130);
    await on.trouble.incidents.advance(id);
    // One of the others is checked by now, the other still has the script.
    const [second = '', third = ''] = agents.filter((agent) => agent !== canary);
    await on.trouble.run(second, await on.trouble.remedyTask(id, second));
    await on.trouble.incidents.advance(id);
    const open = [await on.trouble.remedyTask(id, second), await on.trouble.remedyTask(id, third)];
    expect(await on.trouble.incidents.stop(id, 'odd', DECIDER)).toEqual({ kind: 'decided' });
    for (const task of open) expect((await on.trouble.fleet.find(task)).status).toBe('CANCELLED');
    expect(await on.trouble.show(id)).toMatchObject({
      status: 'AWAITING_DECISION',
      remedies: { HEALTHY: 1, STOPPED: 2 },
    });
    const [suggestion] = (await on.trouble.show(id)).suggestions;
    await on.database.setClock(131);
    await on.trouble.approve(id, { suggestion_id: suggestion?.id ?? '' });
    await on.trouble.heal(id, 131);
    expect(await on.trouble.show(id)).toMatchObject({ outcome: 'RESOLVED', remedies: { HEALTHY: 2 } });
    expect(await on.trouble.incidents.stop(id, 'late', DECIDER)).toEqual({
      kind: 'refused',
      status: 'CLOSED',
    });
  });

  it('are stopped or go on, whichever is first: no task is left open', async () => {
    const { id } = await on.trouble.waiting(2);
    await on.trouble.approve(id);
    await Promise.all([
      on.trouble.incidents.advance(id),
      on.trouble.incidents.stop(id, 'odd', DECIDER),
      on.trouble.incidents.advance(id),
    ]);
    const { rows } = await on.database.pool.query(
      `SELECT 1 FROM agent_task WHERE created_by = $1 AND status <> 'CANCELLED'`,
      [(await on.trouble.show(id)).workflow_id],
    );
    expect([await on.trouble.status(id), rows]).toEqual(['AWAITING_DECISION', []]);
  });

  it('that do not run cannot be stopped', async () => {
    await on.trouble.fail(unique('opened'));
    const opened = await on.trouble.collected();
    expect(await on.trouble.incidents.stop(opened, 'x', DECIDER)).toEqual({
      kind: 'refused',
      status: 'OPENED',
    });
    const { id } = await on.trouble.waiting();
    expect(await on.trouble.incidents.stop(id, 'x', DECIDER)).toEqual({
      kind: 'refused',
      status: 'AWAITING_DECISION',
    });
    const nobody = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';
    expect(await on.trouble.incidents.stop(nobody, 'x', DECIDER)).toEqual({ kind: 'not_found' });
  });

  it('advancing what is not approved does nothing', async () => {
    const { id } = await on.trouble.waiting(1);
    await on.trouble.incidents.advance(id);
    expect(await on.trouble.remedies(id)).toEqual([]);
  });
});
