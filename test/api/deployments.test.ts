import { Rollouts } from '../db/support/rollout.ts';
import { debDescription } from '../packaging-pipeline/support/samples.ts';
import type { Said } from './support/contract.ts';
import { items, World } from './support/world.ts';

let world: World;
let rollouts: Rollouts;
beforeAll(async () => {
  world = await World.start({ overrides: { EUCORA_CAB_RISK_THRESHOLD: '40' } });
  rollouts = new Rollouts(world.api.database);
  await rollouts.online(3);
});
afterAll(() => world?.dispose());

const at = '/api/v1/deployments';
const plan = { rings: [{ name: 'all', size: { rest: true } }] };
const post = (path: string, body: object, scope: 'operator' | 'approver' | 'admin' = 'operator') =>
  world.operator(path, { body, scope });
let packages = 0;
/** A package that no other test deploys: of one package only one deployment is under way on a device. */
const fresh = (): string => {
  packages += 1;
  return `tool-${packages}`;
};
const create = async (more: object = {}, scope: 'operator' | 'admin' = 'operator') =>
  post(at, { pipeline_id: await rollouts.pipeline({ name: fresh() }), plan, ...more }, scope);
/** What makes a deployment dangerous enough to need an approval. */
const risky = async () => ({
  pipeline_id: await rollouts.pipeline({
    name: fresh(),
    findings: { critical: 1, high: 0, medium: 0, low: 0, unknown: 0 },
  }),
  plan: { ...plan, automatic_rollback: false },
});
const decide = (id: unknown, decision: 'approve' | 'reject', scope: 'approver' | 'admin' = 'approver') =>
  post(`${at}/${id}/decisions`, { decision, comment: 'looks good' }, scope);

it('below the threshold a deployment passes by itself, and the audit says so', async () => {
  const made = await create();
  expect(made.body).toMatchObject({ status: 'ROLLING_OUT', approval_required: false, risk_threshold: 40 });
  const { risk } = made.body as unknown as { risk: { score: number; factors: { points: number }[] } };
  expect(risk.factors).toHaveLength(6);
  expect(risk.factors.reduce((sum, { points }) => sum + points, 0)).toBe(risk.score);
  const events = await world.audit({ object_id: String(made.body['id']), action: 'deployment.approve' });
  expect(events).toMatchObject([
    {
      actor_type: 'system',
      actor_id: 'risk-threshold',
      after: { reason: `Passed by itself: the risk score ${risk.score} lies below the threshold of 40` },
    },
  ]);
});

describe('above the threshold', () => {
  it('a deployment waits for somebody else, whatever scopes its creator has', async () => {
    const made = await create(await risky(), 'admin');
    const { id } = made.body;
    expect(made.body).toMatchObject({
      status: 'AWAITING_APPROVAL',
      approval_required: true,
      current_ring: null,
    });
    const own = await decide(id, 'approve', 'admin');
    expect([own.status, own.body['code']]).toEqual([403, 'four-eyes-required']);
    expect(await world.audit({ object_id: String(id), action: 'security.four_eyes' })).toMatchObject([
      { kind: 'security', actor_id: 'test-admin' },
    ]);
    expect((await decide(id, 'approve')).body).toMatchObject({
      approver: 'test-approver',
      decision: 'approve',
    });
    const shown = await world.operator(`${at}/${id}`, { scope: 'operator' });
    expect(shown.body).toMatchObject({
      status: 'ROLLING_OUT',
      reason: 'Approved by test-approver: looks good',
    });
    expect(items(await world.operator(`${at}/${id}/decisions`))).toHaveLength(1);
    const again = await decide(id, 'reject');
    expect([again.status, again.body['code']]).toEqual([409, 'deployment-state-conflict']);
  });

  it('it may be rejected, and has then ended', async () => {
    const { id } = (await create(await risky())).body;
    expect((await decide(id, 'reject')).status).toBe(201);
    const resumed = await post(`${at}/${id}/resume`, { reason: 'please' });
    expect([resumed.status, resumed.body['detail']]).toEqual([
      409,
      'The deployment is REJECTED, so that it cannot be resumed.',
    ]);
  });
});

describe('the database refuses, whatever the code above it does', () => {
  const insert = (id: unknown, approver: string) =>
    world.api.database.pool.query(
      `INSERT INTO cab_decision (id, deployment_id, decision, approver, comment, risk_score, decided_at)
       VALUES (uuid7(), $1, 'approve', $2, '', 50, now())`,
      [id, approver],
    );

  it('a decision by the creator, also under a name that only looks different', async () => {
    const { id } = (await create(await risky())).body;
    for (const name of ['test-operator', 'TEST-Operator', ' test-operator '])
      await expect(insert(id, name)).rejects.toMatchObject({ constraint: 'cab_decision_four_eyes' });
  });

  it('to begin without an approval, to change what was decided on, and to change a decision', async () => {
    const { id } = (await create(await risky())).body;
    const update = (set: string) =>
      world.api.database.pool.query(`UPDATE deployment_intent SET ${set} WHERE id = $1`, [id]);
    await expect(update(`status = 'ROLLING_OUT'`)).rejects.toMatchObject({
      constraint: 'deployment_intent_approved',
    });
    for (const set of [`created_by = 'x'`, 'approval_required = false', 'risk_score = 1', `plan = '{}'`])
      await expect(update(set)).rejects.toThrow();
    await insert(id, 'someone');
    await update(`status = 'ROLLING_OUT'`);
    const change = (statement: string) => world.api.database.pool.query(statement);
    for (const statement of [
      `UPDATE cab_decision SET approver = 'x'`,
      'DELETE FROM cab_decision',
      'TRUNCATE cab_decision',
    ])
      await expect(change(statement)).rejects.toThrow(/decisions are not changed/);
  });
});

describe('a deployment is refused', () => {
  const detailOf = async (said: Promise<Said>) => {
    const { status, body } = await said;
    return [status, body['code'], body['detail']];
  };

  it('where the pipeline has not passed, or has no evidence', async () => {
    const building = await rollouts.pipeline({ status: 'BUILDING' });
    expect(await detailOf(create({ pipeline_id: building }))).toEqual([
      409,
      'pipeline-state-conflict',
      'The pipeline is BUILDING. Only what has PASSED can be deployed.',
    ]);
    const bare = await rollouts.pipeline({ evidence: false });
    expect(await detailOf(create({ pipeline_id: bare }))).toEqual([
      409,
      'pipeline-state-conflict',
      expect.stringMatching(/no evidence/),
    ]);
    const unknown = await rollouts.pipeline({ signer: false });
    expect(await detailOf(create({ pipeline_id: unknown }))).toEqual([
      409,
      'pipeline-state-conflict',
      expect.stringMatching(`does not know the public key.*eucora packages retry ${unknown}`),
    ]);
    const revoked = await rollouts.exception(3_600);
    await world.api.database.stores.policyExceptions.revoke(revoked, { type: 'operator', id: 'x' }, 'test');
    const lapsed = await rollouts.pipeline({ exceptions: [revoked] });
    expect(await detailOf(create({ pipeline_id: lapsed }))).toEqual([
      409,
      'pipeline-state-conflict',
      expect.stringMatching(`was revoked.*eucora packages retry ${lapsed}`),
    ]);
  });

  it('where another of the package is under way on the same devices, until that is aborted', async () => {
    const name = fresh();
    const first = (await create({ pipeline_id: await rollouts.pipeline({ name }) })).body;
    const second = { pipeline_id: await rollouts.pipeline({ name, version: '2.0.0' }) };
    expect(await detailOf(create(second))).toEqual([
      409,
      'deployment-state-conflict',
      `The deployment ${first['id']} (${first['name']}) of the same package is ROLLING_OUT on some of the same devices. Wait for its end, abort it, or select other devices.`,
    ]);
    await post(`${at}/${first['id']}/abort`, { reason: '' });
    const made = await create(second);
    expect(made.status).toBe(201);
    // To go back with the first would now be under the second one's feet.
    const back = await post(`${at}/${first['id']}/rollback`, { reason: '' });
    expect([back.status, back.body['code']]).toEqual([409, 'deployment-state-conflict']);
  });

  it('where nobody fits, unless late joiners may; and where the plan is not known', async () => {
    const windows = await rollouts.pipeline({ format: 'msi' });
    expect(await detailOf(create({ pipeline_id: windows }))).toEqual([
      422,
      'validation-failed',
      expect.stringMatching(/No agent of the package’s platform fits/),
    ]);
    expect((await create({ pipeline_id: windows, plan: { ...plan, late_joiners: true } })).status).toBe(201);
    expect(await detailOf(create({ plan: undefined, plan_name: 'nobody knows' }))).toEqual([
      422,
      'validation-failed',
      expect.stringMatching(/Apply the rollout plan first/),
    ]);
  });
});

it('rings and devices are told as they fill, page by page', async () => {
  const { id } = (await create({ plan: { rings: [{ name: 'one', size: { count: 1 } }, ...plan.rings] } }))
    .body;
  await rollouts.settle(String(id));
  const rings = items(await world.operator(`${at}/${id}/rings`, { scope: 'operator' }));
  expect(rings).toMatchObject([
    { name: 'one', state: 'ROLLING', devices: { DISPATCHED: 1 } },
    { name: 'all', state: 'WAITING', devices: { WAITING: 2 } },
  ]);
  const first = await world.operator(`${at}/${id}/devices?limit=2`);
  expect(items(first)).toHaveLength(2);
  const rest = await world.operator(`${at}/${id}/devices?limit=2&cursor=${first.body['next_cursor']}`);
  expect([items(rest).length, rest.body['next_cursor']]).toEqual([1, null]);
  expect(items(await world.operator(`${at}/${id}/devices?ring=all&state=WAITING`))).toHaveLength(2);
  expect(items(await world.operator(`${at}/${id}/devices?ring=unknown`))).toEqual([]);
  const listed = items(
    await world.operator(`${at}?status=ROLLING_OUT&package_name=tool-${packages}&limit=1`),
  );
  expect(listed).toMatchObject([{ id, current_ring: 'one' }]);
});

describe('a fleet file', () => {
  const upload = async (content: string) => {
    const headers = { 'content-type': 'application/octet-stream' };
    const made = await world.operator('/api/v1/artifacts?name=f', { body: Buffer.from(content), headers });
    return String(made.body['sha256']);
  };
  const file = async (name: string, more: object = {}) => ({
    version: 1,
    policies: [{ name: `${name}-policy`, block_severities: ['CRITICAL'] }],
    packages: [
      {
        source: { artifact_sha256: await upload(name) },
        description: debDescription({ name }),
        policy: `${name}-policy`,
      },
    ],
    rollout_plans: [{ name: `${name}-plan`, ...plan }],
    exceptions: [
      {
        package_name: name,
        cve_ids: ['CVE-2026-2'],
        reason: 'r',
        expires_at: new Date(Date.now() + 86_400_000).toISOString(),
      },
    ],
    ...more,
  });
  const apply = (body: object, query = '') => post(`/api/v1/fleet/apply${query}`, body);
  const actions = (said: Said) =>
    (said.body['changes'] as { kind: string; action: string }[]).map(
      ({ kind, action }) => `${action} ${kind}`,
    );
  const rows = async () => {
    const { rows: found } = await world.api.database.pool.query(
      `SELECT (SELECT count(*) FROM packaging_policy) + (SELECT count(*) FROM rollout_plan) + (SELECT count(*) FROM declared_package)
        + (SELECT count(*) FROM policy_exception) + (SELECT count(*) FROM packaging_pipeline) AS n`,
    );
    return Number(found[0]?.n);
  };

  it('is shown, applied, and then changes nothing any more', async () => {
    const wanted = await file('first');
    const before = await rows();
    const all = ['create policy', 'create package', 'create rollout_plan', 'create exception'];
    const dry = await apply(wanted, '?dry_run=true');
    expect([dry.body['changed'], actions(dry), await rows()]).toEqual([4, all, before]);
    const applied = await apply(wanted);
    expect([applied.body['changed'], actions(applied), await rows()]).toEqual([4, all, before + 5]);
    const again = await apply(wanted);
    expect([again.body['changed'], await rows()]).toEqual([0, before + 5]);
    expect(actions(again)).toEqual(all.map((action) => action.replace('create', 'unchanged')));
    const deployed = await create({ plan: undefined, plan_name: 'first-plan' });
    expect(deployed.status).toBe(201);
    const plans = items(await world.operator('/api/v1/rollout-plans'));
    expect(plans).toMatchObject([{ name: 'first-plan', updated_by: 'test-operator' }]);
  });

  it('says what differs, and builds anew what is judged by another policy', async () => {
    const wanted = await file('second');
    const first = await apply(wanted);
    const changed = await apply({
      ...wanted,
      policies: [{ name: 'second-policy', block_severities: ['CRITICAL', 'HIGH'], min_release_age_days: 3 }],
    });
    expect(changed.body['changes']).toMatchObject([
      { kind: 'policy', action: 'update', fields: ['block_severities', 'min_release_age_days'] },
      { kind: 'package', action: 'update', fields: ['policy'] },
      { kind: 'rollout_plan', action: 'unchanged' },
      { kind: 'exception', action: 'unchanged' },
    ]);
    const pipeline = (said: Said) => (said.body['changes'] as { id: string }[])[1]?.id;
    expect(pipeline(changed)).not.toBe(pipeline(first));
  });

  it('is taken back as a whole when a part of it fails', async () => {
    const before = await rows();
    const broken: [object, string, RegExp][] = [
      [
        { packages: [{ source: { artifact_sha256: 'a'.repeat(64) }, description: debDescription() }] },
        'packages.0.source',
        /upload it first/,
      ],
      [
        {
          packages: [
            { source: { artifact_sha256: 'a'.repeat(64) }, description: debDescription(), policy: 'none' },
          ],
        },
        'packages.0.policy',
        /no policy none/,
      ],
      [
        {
          exceptions: [
            { package_name: 'p', cve_ids: ['CVE-1'], reason: 'r', expires_at: '2020-01-01T00:00:00Z' },
          ],
        },
        'exceptions.0.expires_at',
        /at least a minute/,
      ],
    ];
    for (const [part, path, why] of broken) {
      const said = await apply(await file('third', part));
      expect([said.status, said.body['errors']]).toEqual([
        422,
        [{ path, message: expect.stringMatching(why) }],
      ]);
      expect(await rows()).toBe(before);
    }
  });

  it('names nothing twice', async () => {
    const { policies, exceptions } = await file('fourth');
    const said = await apply({
      version: 1,
      policies: [...policies, ...policies],
      exceptions: [...exceptions, ...exceptions],
    });
    expect(said.body['errors']).toEqual([
      { path: 'policies.1', message: 'fourth-policy is there twice' },
      { path: 'exceptions.1', message: 'fourth: CVE-2026-2 is there twice' },
    ]);
  });
});
