import { keepSuggestion } from '../../db/stores/incident/analysis.ts';
import { OPERATOR } from './support/fleet.ts';
import { CLASSIFIED, DECIDER, SUGGESTED, troubled, unique } from './support/incidents.ts';
import { overtaken } from './support/overtaken.ts';

const on = troubled();

describe('an analysis', () => {
  it('keeps one suggestion when it is told twice at once', async () => {
    await on.trouble.fail(unique('twice'));
    const id = await on.trouble.collected();
    await overtaken(
      on.database,
      (pool) => keepSuggestion(pool, id, 1, SUGGESTED, true),
      () => on.trouble.incidents.keepSuggestion(id, 1, SUGGESTED, true),
    );
    const { rows } = await on.database.pool.query(
      'SELECT 1 FROM incident_suggestion WHERE incident_id = $1',
      [id],
    );
    expect(rows).toHaveLength(1);
  });

  it('what the assistant has cost is the sum of all questions of every analysis', async () => {
    await on.trouble.fail(unique('dear'));
    const id = await on.trouble.collected();
    expect((await on.trouble.show(id)).cost).toEqual({
      calls: 0,
      cached_calls: 0,
      input_tokens: 0,
      output_tokens: 0,
    });
    const call = CLASSIFIED.calls[0];
    if (call === undefined) throw new Error('There is no call');
    await on.trouble.incidents.keepClassification(id, 1, {
      ...CLASSIFIED,
      calls: [
        { ...call, outcome: 'schema_mismatch', input_tokens: 900, output_tokens: 50 },
        { ...call, input_tokens: 2_000_000_000, output_tokens: 60 },
      ],
    });
    await on.trouble.incidents.keepSuggestion(id, 1, SUGGESTED, true);
    await on.trouble.incidents.present(id, null);
    await on.trouble.incidents.ask(id, undefined, DECIDER);
    await on.trouble.incidents.keepClassification(id, 2, {
      ...CLASSIFIED,
      calls: [
        { ...call, cached: true },
        { ...call, input_tokens: 2_000_000_000, output_tokens: 5 },
      ],
    });
    expect((await on.trouble.show(id)).cost).toEqual({
      calls: 5,
      cached_calls: 1,
      input_tokens: 4_000_000_900,
      output_tokens: 115,
    });
  });

  it('reads the newest failure with its log, and is kept once', async () => {
    const { fleet } = on.trouble;
    const agent = await fleet.online();
    const task = await fleet.task(agent, { task_type: 'REMEDIATE', payload: { script: 'x' } });
    await fleet.heartbeat(agent);
    await on.database.stores.tasks.takeWord(task, agent, { word: 'start' }, 'test');
    await on.database.stores.tasks.takeWord(
      task,
      agent,
      {
        word: 'fail',
        error_message: unique('The script ended'),
        result: { exit_code: 3, stdout: 'out', stderr: 'err' },
      },
      'test',
    );
    const id = await on.trouble.collected();
    const input = await on.trouble.incidents.analysisInput(id);
    expect(input).toMatchObject({
      analysis: 1,
      failure: { platform: 'linux', package: '', exit_code: 3, log: 'out\nerr' },
      classified: false,
      classification: null,
      wish: null,
    });
    for (let twice = 0; twice < 2; twice += 1) {
      await on.trouble.incidents.keepClassification(id, 1, CLASSIFIED);
      await on.trouble.incidents.keepSuggestion(id, 1, SUGGESTED, true);
    }
    expect(await on.trouble.incidents.analysisInput(id)).toMatchObject({ classified: true, trusted: true });
    const { suggestions, preselected_suggestion_id, label, confidence } = await on.trouble.show(id);
    expect(suggestions).toHaveLength(1);
    expect([preselected_suggestion_id, label, confidence]).toEqual([
      suggestions[0]?.id,
      'INSTALLATION_FAILURE',
      expect.closeTo(0.9),
    ]);
    expect((await on.trouble.incidents.calls(id, { limit: 10 })).items.map((call) => call.purpose)).toEqual([
      'suggest',
      'classify',
    ]);
    await on.trouble.incidents.present(id, null);
    expect(await on.trouble.incidents.analysisInput(id)).toBeUndefined();
    await on.trouble.incidents.keepClassification(id, 1, CLASSIFIED);
    await on.trouble.incidents.present(id, 'late');
    expect(await on.trouble.show(id)).toMatchObject({ status: 'AWAITING_DECISION', advice: 'Sure enough' });
  });

  it('without an answer that fits leaves all to a person', async () => {
    await on.trouble.fail(unique('riddle'));
    const id = await on.trouble.collected();
    await on.trouble.incidents.keepClassification(id, 1, {
      classification: null,
      confidence_parts: null,
      decision: 'hand_to_person',
      reason: 'No answer fits',
      calls: [],
    });
    expect(await on.trouble.incidents.analysisInput(id)).toMatchObject({
      classified: true,
      classification: null,
    });
    await on.trouble.incidents.keepSuggestion(
      id,
      1,
      { status: 'none', reason: 'Nothing is known', calls: [] },
      false,
    );
    await on.trouble.incidents.present(id, null);
    expect(await on.trouble.show(id)).toMatchObject({
      label: null,
      advice: 'No answer fits Nothing is known',
      preselected_suggestion_id: null,
      suggestions: [],
    });
    expect(await on.trouble.approve(id)).toEqual({ kind: 'not_preselected' });
  });

  it('a suggestion below the threshold, or blocked, is not preselected; a blocked one cannot be approved', async () => {
    await on.trouble.fail(unique('unsure'));
    const id = await on.trouble.collected();
    await on.trouble.incidents.keepClassification(id, 1, { ...CLASSIFIED, decision: 'hand_to_person' });
    expect(await on.trouble.incidents.analysisInput(id)).toMatchObject({ trusted: false });
    await on.trouble.incidents.keepSuggestion(id, 1, SUGGESTED, false);
    await on.trouble.incidents.present(id, null);
    const [unsure] = (await on.trouble.show(id)).suggestions;
    expect(await on.trouble.approve(id)).toEqual({ kind: 'not_preselected' });
    expect(await on.trouble.approve(id, { suggestion_id: unsure?.id ?? '' })).toEqual({ kind: 'decided' });

    await on.trouble.fail(unique('blocked'));
    const other = await on.trouble.collected();
    await on.trouble.incidents.keepClassification(other, 1, CLASSIFIED);
    await on.trouble.incidents.keepSuggestion(
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
    await on.trouble.incidents.present(other, null);
    const [blocked] = (await on.trouble.show(other)).suggestions;
    expect(blocked).toMatchObject({ script: null, findings: [{ code: 'delete-root' }] });
    expect(await on.trouble.approve(other)).toEqual({ kind: 'not_preselected' });
    expect(await on.trouble.approve(other, { suggestion_id: blocked?.id ?? '' })).toEqual({
      kind: 'blocked_suggestion',
    });
  });
});

describe('decisions', () => {
  it('are taken only while the incident waits for one, and from those that exist', async () => {
    await on.trouble.fail(unique('early'));
    const id = await on.trouble.collected();
    const refused = { kind: 'refused', status: 'OPENED' };
    const script = { interpreter: 'sh', script: 'true', verification: '', explanation: '' } as const;
    expect(await on.trouble.approve(id)).toEqual(refused);
    expect(await on.trouble.incidents.edit(id, script, DECIDER)).toEqual(refused);
    expect(await on.trouble.incidents.reject(id, 'no', DECIDER)).toEqual(refused);
    expect(await on.trouble.incidents.ask(id, undefined, DECIDER)).toEqual(refused);
    const nobody = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';
    expect(await on.trouble.approve(nobody)).toEqual({ kind: 'not_found' });
    expect(await on.trouble.incidents.edit(nobody, script, DECIDER)).toEqual({ kind: 'not_found' });
    expect(await on.trouble.incidents.reject(nobody, 'no', DECIDER)).toEqual({ kind: 'not_found' });
    await on.trouble.analysed(id);
    expect(await on.trouble.approve(id, { suggestion_id: nobody })).toEqual({ kind: 'no_suggestion' });
  });

  it('what is known of a failure whose task was deleted is what the incident keeps', async () => {
    const error = unique('deleted');
    const [, task] = await on.trouble.fail(error);
    const id = await on.trouble.collected();
    await on.database.pool.query('DELETE FROM agent_task WHERE id = $1', [task]);
    expect((await on.trouble.incidents.analysisInput(id))?.failure).toMatchObject({
      error,
      log: '',
      package: 'app',
    });
  });

  it('asking again begins another analysis, with the person’s wish', async () => {
    const { id } = await on.trouble.waiting();
    expect(await on.trouble.incidents.ask(id, 'without a reboot', DECIDER)).toEqual({ kind: 'decided' });
    expect(await on.trouble.incidents.analysisInput(id)).toMatchObject({
      analysis: 2,
      classified: false,
      wish: 'without a reboot',
    });
    await on.trouble.analysed(id);
    expect((await on.trouble.show(id)).suggestions).toHaveLength(2);
  });

  it('a person’s own script stands beside the suggestions and is preselected', async () => {
    const { id } = await on.trouble.waiting();
    const script = {
      interpreter: 'bash',
      script: 'echo mine',
      verification: 'true',
      explanation: 'mine',
    } as const;
    expect(await on.trouble.incidents.edit(id, script, DECIDER)).toEqual({ kind: 'decided' });
    const { suggestions, preselected_suggestion_id } = await on.trouble.show(id);
    expect(suggestions).toHaveLength(2);
    expect(suggestions[0]).toMatchObject({
      id: preselected_suggestion_id,
      provider: null,
      script: 'echo mine',
      created_by: OPERATOR.id,
    });
  });

  it('an approval without a device that can take it is refused', async () => {
    const { id, agents } = await on.trouble.waiting();
    await on.database.stores.agents.revoke(agents[0] ?? '', OPERATOR, 'test');
    expect(await on.trouble.approve(id)).toEqual({ kind: 'no_device' });
  });

  it('two at once: one is taken', async () => {
    const { id } = await on.trouble.waiting();
    const answers = await Promise.all([
      on.trouble.approve(id),
      on.trouble.incidents.reject(id, 'no', DECIDER),
      on.trouble.approve(id),
    ]);
    expect(answers.filter(({ kind }) => kind === 'decided')).toHaveLength(1);
  });
});

describe('waiting', () => {
  it('is reminded of at intervals and ends, each to the second', async () => {
    const { id } = await on.trouble.waiting();
    const { incidents } = on.trouble;
    expect(await incidents.remindOrExpire(id)).toBe('nothing');
    await on.database.setClock(14_401);
    expect(await incidents.remindOrExpire(id)).toBe('reminded');
    expect(await incidents.remindOrExpire(id)).toBe('nothing');
    const [snapshot] = await incidents.snapshots([id]);
    expect(snapshot).toMatchObject({ due: 'reminder', status: 'AWAITING_DECISION' });
    await on.database.setClock(259_150);
    const [last] = await incidents.snapshots([id]);
    expect(last?.due_in_ms).toBe(0);
    await on.database.setClock(259_201);
    expect(await incidents.remindOrExpire(id)).toBe('expired');
    expect(await on.trouble.show(id)).toMatchObject({ status: 'CLOSED', outcome: 'EXPIRED', reminders: 1 });
    expect(await incidents.remindOrExpire(id)).toBe('nothing');
    expect(await incidents.remindOrExpire('01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01')).toBe('nothing');
  });
});

it('closed incidents are kept as long as the audit, open ones for ever', async () => {
  const [closed, open] = [await on.trouble.waiting(), await on.trouble.waiting()];
  await on.trouble.incidents.reject(closed.id, 'no', DECIDER);
  const { maintenance } = on.database.stores;
  await maintenance.applyRetention();
  expect(await on.trouble.status(closed.id)).toBe('CLOSED');
  await on.database.pool.query(
    `UPDATE incident SET closed_at = closed_at - interval '731 days' WHERE status = 'CLOSED'`,
  );
  await maintenance.applyRetention();
  expect(await on.trouble.incidents.find(closed.id)).toBeUndefined();
  expect(await on.trouble.status(open.id)).toBe('AWAITING_DECISION');
});

it('every step of the story is in the audit, newest first', async () => {
  const { id } = await on.trouble.waiting(1);
  await on.trouble.approve(id);
  await on.trouble.heal(id);
  const { items } = await on.trouble.incidents.timeline(id, { limit: 50 });
  expect(items.map(({ action }) => action)).toEqual([
    'incident.resolve',
    'incident.approve',
    'incident.present',
    'incident.open',
  ]);
  const first = await on.trouble.incidents.timeline(id, { limit: 2 });
  const rest = await on.trouble.incidents.timeline(id, { limit: 2, cursor: first.next_cursor ?? '' });
  expect([...first.items, ...rest.items]).toEqual(items);
});
