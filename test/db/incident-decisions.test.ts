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
beforeEach(() => trouble.settled());

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

it('closed incidents are kept as long as the audit, open ones for ever', async () => {
  const [closed, open] = [await trouble.waiting(), await trouble.waiting()];
  await trouble.incidents.reject(closed.id, 'no', DECIDER);
  const { maintenance } = database.stores;
  await maintenance.applyRetention();
  expect(await trouble.status(closed.id)).toBe('CLOSED');
  await database.pool.query(
    `UPDATE incident SET closed_at = closed_at - interval '731 days' WHERE status = 'CLOSED'`,
  );
  await maintenance.applyRetention();
  expect(await trouble.incidents.find(closed.id)).toBeUndefined();
  expect(await trouble.status(open.id)).toBe('AWAITING_DECISION');
});

it('every step of the story is in the audit, newest first', async () => {
  const { id } = await trouble.waiting(1);
  await trouble.approve(id);
  await trouble.heal(id);
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
