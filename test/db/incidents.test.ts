import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet, OPERATOR } from './support/fleet.ts';
import { CLASSIFIED, DECIDER, SUGGESTED, Trouble, unique } from './support/incidents.ts';

let database: TestDatabase;
let trouble: Trouble;

beforeAll(async () => {
  database = await createTestDatabase();
  trouble = new Trouble(new Fleet(database));
});
afterAll(() => database?.dispose());
beforeEach(async () => {
  await database.setClock(0);
  while ((await trouble.incidents.collect()) > 0);
  const untold = await trouble.incidents.leaseUntold(1_000);
  await trouble.incidents.settleTold(untold.map(({ id }) => id));
});

const inbox = async () => {
  const { rows } = await database.pool.query<{ task_id: string }>('SELECT task_id FROM incident_inbox');
  return rows.map((row) => row.task_id);
};
const statusOf = async (id: string) => (await trouble.show(id)).status;

describe('the inbox', () => {
  it('gets every failed and timed-out task with the statement that ends it, and nothing else', async () => {
    const { fleet } = trouble;
    const { tasks } = database.stores;
    const [, failed] = await trouble.fail('x');
    const agent = await fleet.online();
    const good = await fleet.task(agent);
    await trouble.run(agent, good);
    const cancelled = await fleet.task(agent);
    await tasks.cancel(cancelled, OPERATOR);
    const late = await fleet.task(agent, { timeout_seconds: 1 });
    await fleet.heartbeat(agent);
    await tasks.takeWord(late, agent, { word: 'start' }, 'test');
    const lost = await fleet.task(agent, { max_retries: 0 });
    await fleet.heartbeat(agent);
    await database.setClock(1_000);
    await tasks.timeOut(late);
    await tasks.requeueLostHandover(lost);
    expect((await inbox()).sort()).toEqual([failed, late, lost].sort());
  });

  it('is emptied by one collector at a time; a collector that dies leaves it as it was', async () => {
    const error = unique('halted');
    await trouble.fail(error);
    await trouble.fail(error);
    const blocked = await database.pool.connect();
    try {
      await blocked.query('BEGIN');
      await blocked.query('SELECT pg_advisory_xact_lock(4907157)');
      expect(await trouble.incidents.collect()).toBe(0);
      await blocked.query('ROLLBACK');
    } finally {
      blocked.release();
    }
    await database.pool.query('ALTER TABLE incident_occurrence RENAME TO elsewhere');
    await expect(trouble.incidents.collect()).rejects.toThrow();
    expect(await inbox()).toHaveLength(2);
    await database.pool.query('ALTER TABLE elsewhere RENAME TO incident_occurrence');
    expect(await trouble.incidents.collect()).toBe(2);
    expect(await trouble.show(await trouble.collected())).toMatchObject({ occurrence_count: 2 });
  });

  it('a task that is noticed again counts once, and one that is gone not at all', async () => {
    const [agent, task] = await trouble.fail(unique('again'));
    const id = await trouble.collected();
    await database.pool.query('INSERT INTO incident_inbox VALUES ($1, now())', [task]);
    expect(await trouble.incidents.collect()).toBe(1);
    expect(await trouble.show(id)).toMatchObject({ occurrence_count: 1, device_count: 1 });
    const [, gone] = await trouble.fail(unique('gone'), agent);
    await database.pool.query('DELETE FROM agent_task WHERE id = $1', [gone]);
    expect(await trouble.incidents.collect()).toBe(1);
    expect(await trouble.collected()).toBe(id);
  });

  it('what an agent may send as an exit code does not stop it', async () => {
    const { fleet } = trouble;
    for (const exit_code of [1e300, 'x', null, { a: 1 }, '99999999999999', 12.5]) {
      const agent = await fleet.online();
      const task = await fleet.task(agent);
      await fleet.heartbeat(agent);
      await database.stores.tasks.takeWord(task, agent, { word: 'start' }, 'test');
      await database.stores.tasks.takeWord(
        task,
        agent,
        { word: 'fail', error_message: 'odd', result: { exit_code } },
        'test',
      );
    }
    expect(await trouble.incidents.collect()).toBe(6);
    expect(await trouble.show(await trouble.collected())).toMatchObject({
      occurrence_count: 6,
      exit_code: null,
    });
  });
});

describe('500 devices that fail alike', () => {
  it('are one incident with 500 occurrences, told to its workflow once a batch', async () => {
    const error = unique('full');
    const { rows } = await database.pool.query<{ id: string }>(
      `WITH agents AS (
         INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
           presence_shard, first_seen_at, tags, metadata, created_at, updated_at)
         SELECT uuid7(), 'many:' || n, 'many-' || n, 'h' || n, 'linux', '', '1', 'ONLINE', 0, now(), '{}', '{}', now(), now()
         FROM generate_series(1, 499) n RETURNING id
       ), tasks AS (
         INSERT INTO agent_task (id, agent_id, task_type, status, payload, timeout_seconds, max_retries, correlation_id,
           created_by, created_at, completed_at, error_message)
         SELECT uuid7(), id, 'DEPLOY', 'FAILED', '{"package_name": "app"}', 60, 3, 'bulk', 'test', now(), now(),
           $1 || ' on host ' || id || ' after ' || (random() * 1000)::int || ' ms' FROM agents RETURNING id
       )
       INSERT INTO incident_inbox SELECT id, now() FROM tasks RETURNING task_id AS id`,
      [error],
    );
    expect(rows).toHaveLength(499);
    await trouble.fail(`${error} on host 01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01 after 3 ms`);
    expect(await trouble.incidents.collect()).toBe(500);
    const id = await trouble.collected();
    expect(await trouble.show(id)).toMatchObject({
      occurrence_count: 500,
      device_count: 500,
      status: 'OPENED',
    });
    expect((await trouble.incidents.leaseUntold(50)).filter((due) => due.id === id)).toHaveLength(1);
    await trouble.incidents.settleTold([id]);
    // Further ones join it, and its workflow is told minutes later.
    await trouble.fail(`${error} on host 9 after 9 ms`);
    await trouble.collected();
    expect(await trouble.show(id)).toMatchObject({ occurrence_count: 501, device_count: 501 });
    expect(await trouble.incidents.leaseUntold(50)).toEqual([]);
    await database.setClock(301);
    expect(await trouble.incidents.leaseUntold(50)).toMatchObject([{ id }]);
    await trouble.incidents.settleTold([id]);
  });
});

describe('telling', () => {
  it('gives an incident to one relay at a time, and again when that one dies', async () => {
    await trouble.fail(unique('told'));
    const id = await trouble.collected();
    expect(await trouble.incidents.leaseUntold(50)).toMatchObject([{ id, attempts: 1 }]);
    expect(await trouble.incidents.leaseUntold(50)).toEqual([]);
    await database.setClock(11);
    expect(await trouble.incidents.leaseUntold(50)).toMatchObject([{ id, attempts: 2 }]);
    await trouble.incidents.releaseUntold(id, 5_000);
    expect(await trouble.incidents.leaseUntold(50)).toEqual([]);
    await database.setClock(17);
    expect(await trouble.incidents.leaseUntold(50)).toMatchObject([{ id, attempts: 3 }]);
    await trouble.incidents.settleTold([id]);
    await trouble.incidents.settleTold([]);
    await database.setClock(60);
    expect(await trouble.incidents.leaseUntold(50)).toEqual([]);
  });

  it('what happens while a workflow is being told is told afterwards', async () => {
    const { id } = await trouble.waiting();
    await trouble.incidents.leaseUntold(50);
    await trouble.incidents.reject(id, 'no', DECIDER);
    expect(await trouble.incidents.leaseUntold(50)).toEqual([]);
    await trouble.incidents.settleTold([id]);
    expect(await trouble.incidents.leaseUntold(50)).toMatchObject([{ id }]);
    await trouble.incidents.settleTold([id]);
  });
});

describe('windows', () => {
  it('a failure that comes back reopens its incident within the window, and opens another in the next', async () => {
    const error = unique('returns');
    const { id } = await trouble.waiting(1, error);
    await trouble.approve(id);
    await heal(id);
    expect(await trouble.show(id)).toMatchObject({ status: 'CLOSED', outcome: 'RESOLVED' });
    await trouble.fail(error);
    await trouble.collected();
    expect(await trouble.show(id)).toMatchObject({
      status: 'OPENED',
      outcome: null,
      occurrence_count: 2,
      preselected_suggestion_id: null,
    });
    await trouble.analysed(id);
    await trouble.incidents.reject(id, 'known', DECIDER);
    await trouble.fail(error);
    await trouble.collected();
    expect(await trouble.show(id)).toMatchObject({
      status: 'CLOSED',
      outcome: 'REJECTED',
      occurrence_count: 3,
    });
    await database.setClock(86_400);
    await trouble.fail(error);
    const next = await trouble.collected();
    expect(next).not.toBe(id);
    expect(await trouble.show(next)).toMatchObject({
      status: 'OPENED',
      occurrence_count: 1,
      fingerprint: (await trouble.show(id)).fingerprint,
    });
  });

  it('one that is still open is joined, however old it is', async () => {
    const error = unique('stays');
    const { id } = await trouble.waiting(1, error);
    await database.setClock(200_000);
    await trouble.fail(error);
    await trouble.collected();
    expect(await trouble.show(id)).toMatchObject({ status: 'AWAITING_DECISION', occurrence_count: 2 });
  });
});

describe('an analysis', () => {
  it('what the assistant has cost is the sum of all questions of every analysis', async () => {
    await trouble.fail(unique('dear'));
    const id = await trouble.collected();
    expect((await trouble.show(id)).cost).toEqual({
      calls: 0,
      cached_calls: 0,
      input_tokens: 0,
      output_tokens: 0,
    });
    const call = CLASSIFIED.calls[0];
    if (call === undefined) throw new Error('There is no call');
    await trouble.incidents.keepClassification(id, 1, {
      ...CLASSIFIED,
      calls: [
        { ...call, outcome: 'schema_mismatch', input_tokens: 900, output_tokens: 50 },
        { ...call, input_tokens: 2_000_000_000, output_tokens: 60 },
      ],
    });
    await trouble.incidents.keepSuggestion(id, 1, SUGGESTED, true);
    await trouble.incidents.present(id, null);
    await trouble.incidents.ask(id, undefined, DECIDER);
    await trouble.incidents.keepClassification(id, 2, {
      ...CLASSIFIED,
      calls: [
        { ...call, cached: true },
        { ...call, input_tokens: 2_000_000_000, output_tokens: 5 },
      ],
    });
    expect((await trouble.show(id)).cost).toEqual({
      calls: 5,
      cached_calls: 1,
      input_tokens: 4_000_000_900,
      output_tokens: 115,
    });
  });

  it('reads the newest failure with its log, and is kept once', async () => {
    const { fleet } = trouble;
    const agent = await fleet.online();
    const task = await fleet.task(agent, { task_type: 'REMEDIATE', payload: { script: 'x' } });
    await fleet.heartbeat(agent);
    await database.stores.tasks.takeWord(task, agent, { word: 'start' }, 'test');
    await database.stores.tasks.takeWord(
      task,
      agent,
      {
        word: 'fail',
        error_message: unique('The script ended'),
        result: { exit_code: 3, stdout: 'out', stderr: 'err' },
      },
      'test',
    );
    const id = await trouble.collected();
    const input = await trouble.incidents.analysisInput(id);
    expect(input).toMatchObject({
      analysis: 1,
      failure: { platform: 'linux', package: '', exit_code: 3, log: 'out\nerr' },
      classified: false,
      classification: null,
      wish: null,
    });
    for (let twice = 0; twice < 2; twice += 1) {
      await trouble.incidents.keepClassification(id, 1, CLASSIFIED);
      await trouble.incidents.keepSuggestion(id, 1, SUGGESTED, true);
    }
    expect(await trouble.incidents.analysisInput(id)).toMatchObject({ classified: true, trusted: true });
    const { suggestions, preselected_suggestion_id, label, confidence } = await trouble.show(id);
    expect(suggestions).toHaveLength(1);
    expect([preselected_suggestion_id, label, confidence]).toEqual([
      suggestions[0]?.id,
      'INSTALLATION_FAILURE',
      expect.closeTo(0.9),
    ]);
    expect((await trouble.incidents.calls(id, { limit: 10 })).items.map((call) => call.purpose)).toEqual([
      'suggest',
      'classify',
    ]);
    await trouble.incidents.present(id, null);
    expect(await trouble.incidents.analysisInput(id)).toBeUndefined();
    await trouble.incidents.keepClassification(id, 1, CLASSIFIED);
    await trouble.incidents.present(id, 'late');
    expect(await trouble.show(id)).toMatchObject({ status: 'AWAITING_DECISION', advice: 'Sure enough' });
  });

  it('without an answer that fits leaves all to a person', async () => {
    await trouble.fail(unique('riddle'));
    const id = await trouble.collected();
    await trouble.incidents.keepClassification(id, 1, {
      classification: null,
      confidence_parts: null,
      decision: 'hand_to_person',
      reason: 'No answer fits',
      calls: [],
    });
    expect(await trouble.incidents.analysisInput(id)).toMatchObject({
      classified: true,
      classification: null,
    });
    await trouble.incidents.keepSuggestion(
      id,
      1,
      { status: 'none', reason: 'Nothing is known', calls: [] },
      false,
    );
    await trouble.incidents.present(id, null);
    expect(await trouble.show(id)).toMatchObject({
      label: null,
      advice: 'No answer fits Nothing is known',
      preselected_suggestion_id: null,
      suggestions: [],
    });
    expect(await trouble.approve(id)).toEqual({ kind: 'not_preselected' });
  });

  it('a suggestion below the threshold, or blocked, is not preselected; a blocked one cannot be approved', async () => {
    await trouble.fail(unique('unsure'));
    const id = await trouble.collected();
    await trouble.incidents.keepClassification(id, 1, { ...CLASSIFIED, decision: 'hand_to_person' });
    expect(await trouble.incidents.analysisInput(id)).toMatchObject({ trusted: false });
    await trouble.incidents.keepSuggestion(id, 1, SUGGESTED, false);
    await trouble.incidents.present(id, null);
    const [unsure] = (await trouble.show(id)).suggestions;
    expect(await trouble.approve(id)).toEqual({ kind: 'not_preselected' });
    expect(await trouble.approve(id, { suggestion_id: unsure?.id ?? '' })).toEqual({ kind: 'decided' });

    await trouble.fail(unique('blocked'));
    const other = await trouble.collected();
    await trouble.incidents.keepClassification(other, 1, CLASSIFIED);
    await trouble.incidents.keepSuggestion(
      other,
      1,
      {
        status: 'blocked',
        findings: [{ code: 'delete-root', message: 'deletes everything', excerpt: 'rm -rf /' }],
        explanation: 'Clean up',
        calls: [],
      },
      true,
    );
    await trouble.incidents.present(other, null);
    const [blocked] = (await trouble.show(other)).suggestions;
    expect(blocked).toMatchObject({ script: null, findings: [{ code: 'delete-root' }] });
    expect(await trouble.approve(other)).toEqual({ kind: 'not_preselected' });
    expect(await trouble.approve(other, { suggestion_id: blocked?.id ?? '' })).toEqual({
      kind: 'blocked_suggestion',
    });
  });
});

/** Lets every device be remedied and heard, until the incident asks for nothing more. */
async function heal(id: string, clock = 0): Promise<number> {
  let now = clock;
  for (let round = 0; round < 50; round += 1) {
    await trouble.incidents.advance(id);
    if (!['CANARY', 'ROLLOUT'].includes(await statusOf(id))) return now;
    for (const { state, agent_id } of await trouble.remedies(id)) {
      if (state === 'REMEDYING' || state === 'VERIFYING')
        await trouble.run(agent_id, await trouble.remedyTask(id, agent_id));
      now += 1;
      await database.setClock(now);
      if (state === 'OBSERVING') await trouble.fleet.heartbeat(agent_id);
    }
    now += 121;
    await database.setClock(now);
    while ((await trouble.incidents.collect()) > 0);
  }
  throw new Error('It never ends');
}

describe('decisions', () => {
  it('are taken only while the incident waits for one, and from those that exist', async () => {
    await trouble.fail(unique('early'));
    const id = await trouble.collected();
    const refused = { kind: 'refused', status: 'OPENED' };
    const script = { interpreter: 'sh', script: 'true', verification: '', explanation: '' } as const;
    expect(await trouble.approve(id)).toEqual(refused);
    expect(await trouble.incidents.edit(id, script, DECIDER)).toEqual(refused);
    expect(await trouble.incidents.reject(id, 'no', DECIDER)).toEqual(refused);
    expect(await trouble.incidents.ask(id, undefined, DECIDER)).toEqual(refused);
    const nobody = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';
    expect(await trouble.approve(nobody)).toEqual({ kind: 'not_found' });
    expect(await trouble.incidents.edit(nobody, script, DECIDER)).toEqual({ kind: 'not_found' });
    expect(await trouble.incidents.reject(nobody, 'no', DECIDER)).toEqual({ kind: 'not_found' });
    await trouble.analysed(id);
    expect(await trouble.approve(id, { suggestion_id: nobody })).toEqual({ kind: 'no_suggestion' });
  });

  it('what is known of a failure whose task was deleted is what the incident keeps', async () => {
    const error = unique('deleted');
    const [, task] = await trouble.fail(error);
    const id = await trouble.collected();
    await database.pool.query('DELETE FROM agent_task WHERE id = $1', [task]);
    expect((await trouble.incidents.analysisInput(id))?.failure).toMatchObject({
      error,
      log: '',
      package: 'app',
    });
  });

  it('asking again begins another analysis, with the person’s wish', async () => {
    const { id } = await trouble.waiting();
    expect(await trouble.incidents.ask(id, 'without a reboot', DECIDER)).toEqual({ kind: 'decided' });
    expect(await trouble.incidents.analysisInput(id)).toMatchObject({
      analysis: 2,
      classified: false,
      wish: 'without a reboot',
    });
    await trouble.analysed(id);
    expect((await trouble.show(id)).suggestions).toHaveLength(2);
  });

  it('a person’s own script stands beside the suggestions and is preselected', async () => {
    const { id } = await trouble.waiting();
    const script = {
      interpreter: 'bash',
      script: 'echo mine',
      verification: 'true',
      explanation: 'mine',
    } as const;
    expect(await trouble.incidents.edit(id, script, DECIDER)).toEqual({ kind: 'decided' });
    const { suggestions, preselected_suggestion_id } = await trouble.show(id);
    expect(suggestions).toHaveLength(2);
    expect(suggestions[0]).toMatchObject({
      id: preselected_suggestion_id,
      provider: null,
      script: 'echo mine',
      created_by: OPERATOR.id,
    });
  });

  it('an approval without a device that can take it is refused', async () => {
    const { id, agents } = await trouble.waiting();
    await database.stores.agents.revoke(agents[0] ?? '', OPERATOR, 'test');
    expect(await trouble.approve(id)).toEqual({ kind: 'no_device' });
  });

  it('two at once: one is taken', async () => {
    const { id } = await trouble.waiting();
    const answers = await Promise.all([
      trouble.approve(id),
      trouble.incidents.reject(id, 'no', DECIDER),
      trouble.approve(id),
    ]);
    expect(answers.filter(({ kind }) => kind === 'decided')).toHaveLength(1);
  });
});

describe('waiting', () => {
  it('is reminded of at intervals and ends, each to the second', async () => {
    const { id } = await trouble.waiting();
    const { incidents } = trouble;
    expect(await incidents.remindOrExpire(id)).toBe('nothing');
    await database.setClock(14_401);
    expect(await incidents.remindOrExpire(id)).toBe('reminded');
    expect(await incidents.remindOrExpire(id)).toBe('nothing');
    const [snapshot] = await incidents.snapshots([id]);
    expect(snapshot).toMatchObject({ due: 'reminder', status: 'AWAITING_DECISION' });
    await database.setClock(259_150);
    const [last] = await incidents.snapshots([id]);
    expect(last?.due_in_ms).toBe(0);
    await database.setClock(259_201);
    expect(await incidents.remindOrExpire(id)).toBe('expired');
    expect(await trouble.show(id)).toMatchObject({ status: 'CLOSED', outcome: 'EXPIRED', reminders: 1 });
    expect(await incidents.remindOrExpire(id)).toBe('nothing');
    expect(await incidents.remindOrExpire('01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01')).toBe('nothing');
  });
});

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
    expect(await inbox()).toEqual([task.id]);
    await trouble.incidents.advance(id);
    expect(await states()).toEqual(['OBSERVING', 'WAITING', 'WAITING']);
    // Its heartbeat is missing still.
    await database.setClock(121);
    await trouble.incidents.advance(id);
    expect(await states()).toEqual(['OBSERVING', 'WAITING', 'WAITING']);
    await trouble.fleet.heartbeat(canary);
    await database.setClock(242);
    await trouble.incidents.advance(id);
    expect(await statusOf(id)).toBe('ROLLOUT');
    expect(await states()).toEqual(['HEALTHY', 'REMEDYING', 'REMEDYING']);
    await heal(id, 242);
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
    await heal(id);
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
    await heal(id);
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
    await heal(id, 131);
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
    expect([await statusOf(id), rows]).toEqual(['AWAITING_DECISION', []]);
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

it('closed incidents are kept as long as the audit, open ones for ever', async () => {
  const [closed, open] = [await trouble.waiting(), await trouble.waiting()];
  await trouble.incidents.reject(closed.id, 'no', DECIDER);
  const { maintenance } = database.stores;
  await maintenance.applyRetention();
  expect(await statusOf(closed.id)).toBe('CLOSED');
  await database.pool.query(
    `UPDATE incident SET closed_at = closed_at - interval '731 days' WHERE status = 'CLOSED'`,
  );
  await maintenance.applyRetention();
  expect(await trouble.incidents.find(closed.id)).toBeUndefined();
  expect(await statusOf(open.id)).toBe('AWAITING_DECISION');
});

it('every step of the story is in the audit, newest first', async () => {
  const { id } = await trouble.waiting(1);
  await trouble.approve(id);
  await heal(id);
  const { items } = await trouble.incidents.timeline(id, { limit: 50 });
  expect(items.map(({ action }) => action)).toEqual([
    'incident.resolve',
    'incident.approve',
    'incident.present',
    'incident.open',
  ]);
  const first = await trouble.incidents.timeline(id, { limit: 2 });
  const rest = await trouble.incidents.timeline(id, { limit: 2, cursor: first.next_cursor ?? '' });
  expect([...first.items, ...rest.items]).toEqual(items);
});
