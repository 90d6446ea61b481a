import { createHash } from 'node:crypto';
import { aFinding, overwrite, packed } from '../packaging-pipeline/support/packed.ts';
import { debDescription, pipelineRequest } from '../packaging-pipeline/support/samples.ts';
import { items, World } from './support/world.ts';

let world: World;
let source: string;

beforeAll(async () => {
  world = await World.start({ overrides: { EUCORA_STORE_QUOTA_BYTES: '40000' } });
  source = await upload('source of hello');
});
afterAll(() => world?.dispose());

const OCTETS = { 'content-type': 'application/octet-stream' };
const AT = '/api/v1/packaging-pipelines';

async function upload(content: string): Promise<string> {
  const said = await world.operator('/api/v1/artifacts?name=hello', {
    body: Buffer.from(content),
    headers: OCTETS,
  });
  expect(said.status).toBe(201);
  return String(said.body['sha256']);
}
const create = (changes: Record<string, unknown> = {}, headers: Record<string, string> = {}) =>
  world.operator(AT, { body: pipelineRequest(source, changes), headers });

describe('Creating a pipeline', () => {
  it('answers it as pending, with its workflow, and says so in the audit', async () => {
    const said = await create();
    expect(said.status).toBe(201);
    expect(said.body).toMatchObject({
      status: 'PENDING',
      package_name: 'hello',
      platform: 'linux',
      format: 'deb',
      sbom_format: 'cyclonedx',
      signing_key: 'development',
      source_artifact_hash: source,
      output_artifact_url: null,
      workflow_id: `packaging-pipeline/${said.body['id']}`,
      steps: [],
    });
    expect(await world.audit({ object_id: String(said.body['id']) })).toMatchObject([
      { action: 'packaging_pipeline.create', after: { status: 'PENDING', package_name: 'hello' } },
    ]);
    expect((await world.operator(`${AT}/${said.body['id']}`)).body).toEqual(said.body);
  });

  it('with the same key answers the same pipeline, and another request with it is refused', async () => {
    const headers = { 'idempotency-key': 'once' };
    const first = await create({}, headers);
    const again = await create({}, headers);
    expect([again.status, again.body['id']]).toEqual([200, first.body['id']]);
    const other = await create({ sbom_format: 'spdx' }, headers);
    expect([other.status, other.body['code']]).toEqual([409, 'idempotency-conflict']);
  });

  it('asks Temporal by the outbox, with nothing but the id', async () => {
    const { body } = await create({ description: debDescription({ description: 'a private matter' }) });
    const { rows } = await world.api.database.pool.query<{ message: { args: unknown } }>(
      'SELECT message FROM workflow_outbox WHERE workflow_id = $1',
      [body['workflow_id']],
    );
    expect(rows[0]?.message).toMatchObject({ kind: 'start', taskQueue: 'packaging', args: [body['id']] });
    expect(JSON.stringify(rows)).not.toContain('private');
  });

  it.each([
    [
      'a source that nobody uploaded',
      { source: { artifact_sha256: '0'.repeat(64) } },
      'source.artifact_sha256',
    ],
    ['a URL without hash', { source: { url: 'https://example.org/x' } }, 'source'],
    [
      'a URL with credentials',
      { source: { url: 'https://a:b@example.org/x', sha256: '0'.repeat(64) } },
      'source',
    ],
    ['another kind of URL', { source: { url: 'file:///etc/passwd', sha256: '0'.repeat(64) } }, 'source'],
    ['a format that is none', { description: debDescription({ format: 'exe' }) }, 'description.format'],
    ['a name with a path in it', { description: debDescription({ name: '../x' }) }, 'description.name'],
    ['an unknown field', { secret: 'x' }, 'secret'],
  ])('refuses %s', async (_what, changes, path) => {
    const said = await create(changes);
    expect([said.status, said.body['code']]).toEqual([422, 'validation-failed']);
    expect(JSON.stringify(said.body['errors'])).toContain(`"${path}`);
  });

  it('takes a URL with a hash', async () => {
    const said = await create({
      source: { url: 'https://example.org/dir/tool.tgz?sig=1', sha256: '1'.repeat(64) },
    });
    expect(said.status).toBe(201);
    expect(said.body['source_artifact_hash']).toBe('1'.repeat(64));
  });
});

describe('A pipeline', () => {
  it('is listed by what it is, page by page', async () => {
    const { body } = await create({ description: debDescription({ name: 'rare', format: 'rpm' }) });
    const found = async (query: string) =>
      items(await world.operator(`${AT}?${query}`)).map((item) => item['id']);
    expect(await found('package_name=rare')).toEqual([body['id']]);
    expect(await found('status=PASSED')).toEqual([]);
    expect(await found('platform=windows')).toEqual([]);
    expect(await found(`correlation_id=${body['correlation_id']}`)).toEqual([body['id']]);
    const page = await world.operator(`${AT}?limit=1`);
    const next = await world.operator(`${AT}?limit=1&cursor=${page.body['next_cursor']}`);
    expect(items(next)[0]?.['id']).not.toBe(items(page)[0]?.['id']);
  });

  it('that runs is asked to stop once, and one that has ended is not', async () => {
    const { body } = await create();
    const at = `${AT}/${body['id']}`;
    expect((await world.operator(`${at}/retry`, { method: 'POST' })).body['code']).toBe(
      'pipeline-state-conflict',
    );
    const asked = await world.operator(`${at}/cancel`, { method: 'POST' });
    expect(asked.body['cancel_requested_at']).not.toBeNull();
    const again = await world.operator(`${at}/cancel`, { method: 'POST' });
    expect(again.body).toEqual(asked.body);
    const { rows } = await world.api.database.pool.query(
      `SELECT 1 FROM workflow_outbox WHERE workflow_id = $1 AND message ->> 'kind' = 'cancel'`,
      [body['workflow_id']],
    );
    expect(rows).toHaveLength(1);
    const { progress } = world.api.database.stores.pipelines;
    await progress.fail(String(body['id']), { step: 'build', code: 'cancelled', message: 'Stopped.' });
    const late = await world.operator(`${at}/cancel`, { method: 'POST' });
    expect([late.status, late.body['code']]).toEqual([409, 'pipeline-state-conflict']);
    const retried = await world.operator(`${at}/retry`, { method: 'POST' });
    expect(retried.status).toBe(201);
    expect(retried.body).toMatchObject({ status: 'PENDING', retry_of: body['id'], package_name: 'hello' });
  });

  it('that passed is packaged once more, to be signed and scanned anew', async () => {
    const { id } = await packed(world, { name: 'again' });
    const retried = await world.operator(`${AT}/${id}/retry`, { method: 'POST' });
    expect([retried.status, retried.body]).toEqual([
      201,
      expect.objectContaining({ status: 'PENDING', retry_of: id, package_name: 'again' }),
    ]);
    expect((await world.operator(`${AT}/${id}`)).body).toMatchObject({ status: 'PASSED' });
  });

  it('hands out no package whole that was changed where it lies', async () => {
    const { id } = await packed(world, { name: 'forged' });
    const at = `${AT}/${id}/package`;
    expect((await world.operator(at)).text).toBe('package of forged');
    const { body } = await world.operator(`${AT}/${id}`);
    await overwrite(world, String(body['output_artifact_hash']), 'package of others');
    // The HTTP library says so on the console.
    const said = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    await expect(world.operator(at)).rejects.toThrow();
    said.mockRestore();
  });

  it('has a log that can be followed while it grows, and that says when nothing will follow', async () => {
    const { body } = await create();
    const id = String(body['id']);
    const { logs, progress } = world.api.database.stores.pipelines;
    const read = async (offset: number) => (await world.operator(`${AT}/${id}/log?offset=${offset}`)).body;
    expect(await read(0)).toEqual({ text: '', next_offset: 0, complete: false });
    await logs.append(id, 'first ünicode\n');
    await logs.append(id, 'second\n');
    const first = await read(0);
    expect(first).toMatchObject({ text: 'first ünicode\nsecond\n', complete: false });
    await logs.append(id, 'third\n');
    const next = await read(Number(first['next_offset']));
    expect(next).toMatchObject({ text: 'third\n', complete: false });
    await progress.fail(id, { step: null, code: 'cancelled', message: 'x' });
    expect(await read(Number(next['next_offset']))).toMatchObject({ text: '', complete: true });
    // Whole pieces that hold the last bytes: never less than was asked for, also of a log of one long piece.
    const whole = 'first ünicode\nsecond\nthird\n';
    for (const [tail, text] of [
      [1, 'third\n'],
      [6, 'third\n'],
      [8, 'second\nthird\n'],
      [10_000, whole],
    ] as const) {
      const end = await world.operator(`${AT}/${id}/log?tail=${tail}`);
      expect(end.body).toEqual({ text, next_offset: next['next_offset'], complete: true });
    }
  });

  it('gives out SBOM, scan, decision, package and evidence once they are there', async () => {
    const { body } = await create();
    const id = String(body['id']);
    const parts = ['sbom', 'scan', 'decision', 'package'];
    for (const part of parts) expect((await world.operator(`${AT}/${id}/${part}`)).status).toBe(404);
    const sbom = await upload('{"bomFormat":"CycloneDX"}');
    const evidence = await upload('{"payloadType":"x"}');
    const { progress } = world.api.database.stores.pipelines;
    for (const step of ['sbom', 'policy', 'store', 'evidence'] as const) await progress.beginStep(id, step);
    await progress.endStep(id, 'sbom', { sbom_hash: sbom, scan_results_hash: sbom, scan_pass: true });
    await progress.endStep(id, 'policy', {
      policy_decision: {
        verdict: 'PASSED',
        policy: 'default',
        rules: [],
        exception_ids: [],
        decided_at: 'now',
      },
      output_artifact_hash: source,
      output_artifact_name: 'hello.deb',
      output_artifact_bytes: 15,
    });
    for (const part of parts)
      expect([part, (await world.operator(`${AT}/${id}/${part}`)).status]).toEqual([part, 200]);
    expect((await world.operator(`${AT}/${id}/package`)).text).toBe('source of hello');
    const given = await world.operator(`${AT}/${id}/sbom`);
    expect(given.text).toBe('{"bomFormat":"CycloneDX"}');
    expect(given.headers['etag']).toBe(`"${createHash('sha256').update(given.text).digest('hex')}"`);
    await progress.pass(id, { sha256: evidence, signer: 'f'.repeat(64) });
    const passed = await world.operator(`${AT}/${id}`);
    expect(passed.body).toMatchObject({ status: 'PASSED', evidence_hash: evidence });
    const pack = passed.body['evidence_id'];
    expect((await world.operator(`/api/v1/evidence-packs/${pack}`)).body).toMatchObject({ pipeline_id: id });
    expect(items(await world.operator(`/api/v1/evidence-packs?pipeline_id=${id}`))).toHaveLength(1);
    // No word moves a pipeline that has ended.
    expect(await progress.beginStep(id, 'build')).toBeUndefined();
    expect(await progress.fail(id, { step: null, code: 'x', message: 'x' })).toBe(false);
    await progress.pass(id, { sha256: sbom, signer: 'e'.repeat(64) });
    expect((await world.operator(`${AT}/${id}`)).body).toEqual(passed.body);
  });
});

describe('Findings', () => {
  it('are listed the worst first, by severity and page by page, with what excuses them', async () => {
    const { policyExceptions, findings } = world.api.database.stores;
    const requester = { type: 'operator', id: 'one' } as const;
    const exception = await policyExceptions.request(
      { package_name: 'web-app', cve_ids: ['GHSA-jf85-cpcp-j695'], reason: 'r', expires_in_seconds: 3_600 },
      requester,
      'test',
    );
    await policyExceptions.approve(exception.id, { type: 'operator', id: 'two' }, 'test');
    const { id } = await packed(world, {
      name: 'web-app',
      findings: [
        aFinding({
          id: 'CVE-3',
          aliases: [],
          severity: 'LOW',
          package: 'z',
          title: `long ${'x'.repeat(2_000)}\0`,
        }),
        aFinding({ id: 'CVE-2', aliases: [], severity: 'HIGH', package: 'b', fixed_version: null }),
        aFinding({ id: 'CVE-1', aliases: [], severity: 'HIGH', package: 'a' }),
        aFinding(),
      ],
      exceptionIds: [exception.id],
    });
    const at = `${AT}/${id}/findings`;
    const all = items(await world.operator(at));
    expect(all.map((one) => [one['id'], one['severity'], one['excused_by']])).toEqual([
      ['CVE-2019-10744', 'CRITICAL', exception.id],
      ['CVE-1', 'HIGH', null],
      ['CVE-2', 'HIGH', null],
      ['CVE-3', 'LOW', null],
    ]);
    expect(all[2]).toMatchObject({ package: 'b', version: '4.17.4', fixed_version: null });
    expect(String(all[3]?.['title'])).toHaveLength(1_000);
    expect(items(await world.operator(`${at}?severity=LOW`))).toEqual([all[3]]);
    const first = await world.operator(`${at}?limit=3`);
    const rest = await world.operator(`${at}?limit=3&cursor=${first.body['next_cursor']}`);
    expect([...items(first), ...items(rest)]).toEqual(all);
    expect(rest.body['next_cursor']).toBeNull();
    // A scan that is run again.
    await findings.replace(id, [aFinding({ id: 'CVE-9' })]);
    expect(items(await world.operator(at)).map((one) => one['id'])).toEqual(['CVE-9']);
  });
});

describe('An exception', () => {
  const EXCEPTIONS = '/api/v1/policy-exceptions';
  const request = (changes: Record<string, unknown> = {}, scope: 'operator' | 'admin' = 'operator') =>
    world.operator(EXCEPTIONS, {
      body: { package_name: 'hello', cve_ids: ['CVE-2021-44228'], reason: 'not reachable', ...changes },
      scope,
    });

  it('excuses nothing until a second person has approved it', async () => {
    const { body, status } = await request();
    expect(status).toBe(201);
    expect(body).toMatchObject({ status: 'REQUESTED', approver: null, requested_by: 'test-operator' });
    const { policyExceptions } = world.api.database.stores;
    expect(await policyExceptions.findInForce('hello', '1.0.0')).toEqual([]);
    const at = `${EXCEPTIONS}/${body['id']}`;
    expect((await world.operator(`${at}/approve`, { method: 'POST', scope: 'operator' })).status).toBe(403);
    const approved = await world.operator(`${at}/approve`, { method: 'POST', scope: 'approver' });
    expect(approved.body).toMatchObject({ status: 'APPROVED', approver: 'test-approver' });
    expect((await world.operator(`${at}/approve`, { method: 'POST', scope: 'approver' })).status).toBe(200);
    expect((await world.operator(`${at}/approve`, { method: 'POST' })).body['code']).toBe(
      'exception-state-conflict',
    );
    expect((await policyExceptions.findInForce('hello', '1.0.0')).map(({ id }) => id)).toEqual([body['id']]);
    expect(await policyExceptions.findInForce('other', '1.0.0')).toEqual([]);
    expect((await world.audit({ object_id: String(body['id']) })).map((event) => event['action'])).toEqual([
      'policy_exception.approve',
      'policy_exception.request',
    ]);
    const revoked = await world.operator(`${at}/revoke`, { method: 'POST', scope: 'approver' });
    expect(revoked.body).toMatchObject({ status: 'REVOKED', revoked_by: 'test-approver' });
    expect((await world.operator(`${at}/revoke`, { method: 'POST' })).body).toEqual(revoked.body);
    expect(await policyExceptions.findInForce('hello', '1.0.0')).toEqual([]);
  });

  it('is never approved by who asked for it, not even by admin, nor past the API', async () => {
    const { body } = await request({}, 'admin');
    const said = await world.operator(`${EXCEPTIONS}/${body['id']}/approve`, { method: 'POST' });
    expect([said.status, said.body['code']]).toEqual([403, 'four-eyes-required']);
    const { pool, stores } = world.api.database;
    const update = (set: string) =>
      pool.query(`UPDATE policy_exception SET ${set} WHERE id = $1`, [body['id']]);
    for (const name of ['requested_by', 'upper(requested_by)', `' ' || requested_by || ' '`])
      await expect(update(`approver = ${name}, approved_at = now()`)).rejects.toMatchObject({
        code: '23514',
      });
    const under = { type: 'operator', id: ' TEST-Admin ' } as const;
    const { policyExceptions } = stores;
    expect(await policyExceptions.approve(String(body['id']), under, 'test')).toEqual({
      kind: 'own_request',
    });
  });

  it('stays what it was asked for and approved as, whatever the code above the database does', async () => {
    const { body } = await request();
    const update = (set: string) =>
      world.api.database.pool.query(`UPDATE policy_exception SET ${set} WHERE id = $1`, [body['id']]);
    const fixed = { constraint: 'policy_exception_fixed' };
    for (const set of [
      `cve_ids = '{CVE-1}'`,
      `package_name = 'x'`,
      `package_version = '1'`,
      `requested_by = 'x'`,
      `expires_at = expires_at + interval '1 day'`,
    ])
      await expect(update(set)).rejects.toMatchObject(fixed);
    const at = `${EXCEPTIONS}/${body['id']}`;
    await world.operator(`${at}/approve`, { method: 'POST', scope: 'approver' });
    await expect(update(`approver = 'somebody else'`)).rejects.toMatchObject(fixed);
    await world.operator(`${at}/revoke`, { method: 'POST', scope: 'approver' });
    await expect(update('revoked_at = NULL, revoked_by = NULL')).rejects.toMatchObject(fixed);
  });

  it('that was approved before names were compared however they are written can still be revoked', async () => {
    const { body } = await request();
    const { pool } = world.api.database;
    await pool.query('ALTER TABLE policy_exception DISABLE TRIGGER policy_exception_guard');
    await pool.query(
      'UPDATE policy_exception SET approver = upper(requested_by), approved_at = now() WHERE id = $1',
      [body['id']],
    );
    await pool.query('ALTER TABLE policy_exception ENABLE TRIGGER policy_exception_guard');
    const revoked = await world.operator(`${EXCEPTIONS}/${body['id']}/revoke`, {
      method: 'POST',
      scope: 'approver',
    });
    expect([revoked.status, revoked.body['status']]).toEqual([200, 'REVOKED']);
  });

  it('of one version excuses no other, and ends by itself', async () => {
    const { body } = await request({ package_version: '1.2', expires_in_seconds: 60 });
    const at = `${EXCEPTIONS}/${body['id']}`;
    await world.operator(`${at}/approve`, { method: 'POST', scope: 'approver' });
    const { policyExceptions } = world.api.database.stores;
    expect(await policyExceptions.findInForce('hello', '1.3')).toEqual([]);
    expect(await policyExceptions.findInForce('hello', '1.2')).toHaveLength(1);
    await world.api.database.setClock(61);
    expect(await policyExceptions.findInForce('hello', '1.2')).toEqual([]);
    expect((await world.operator(at)).body['status']).toBe('EXPIRED');
    const listed = await world.operator(`${EXCEPTIONS}?status=EXPIRED&package_name=hello&limit=1`);
    expect(items(listed)[0]?.['id']).toBe(body['id']);
    await world.api.database.setClock(0);
  });
});

describe('The store', () => {
  it('takes no more than its quota, and the same content as often as one likes', async () => {
    const { body } = await world.operator('/api/v1/store');
    expect(body).toMatchObject({ quota_bytes: 40_000 });
    const full = await world.operator('/api/v1/artifacts?name=large', {
      body: Buffer.alloc(39_999),
      headers: OCTETS,
    });
    expect([full.status, full.body['code']]).toEqual([507, 'store-full']);
    expect((await world.operator('/api/v1/store')).body).toEqual(body);
    await upload('source of hello');
    expect((await world.operator('/api/v1/store')).body).toEqual(body);
  });

  it('is cleaned by admins of what nothing needs; a dry run only tells', async () => {
    const unneeded = await upload('nothing needs this');
    await world.api.database.pool.query(`UPDATE stored_object SET stored_at = now() - interval '91 days'`);
    const dry = await world.operator('/api/v1/store/clean?dry_run=true', { method: 'POST' });
    expect(dry.body).toMatchObject({ dry_run: true, more: false });
    expect(dry.body['removed']).toContain(unneeded);
    // Needed by a pipeline that has passed, and by pipelines that go on.
    expect(dry.body['removed']).not.toContain(source);
    const done = await world.operator('/api/v1/store/clean', { method: 'POST' });
    expect(done.body['removed']).toEqual(dry.body['removed']);
    expect((await world.operator('/api/v1/store/clean', { method: 'POST' })).body).toMatchObject({
      objects: 0,
    });
    expect(await world.audit({ object_id: unneeded, action: 'artifact.remove' })).toHaveLength(1);
    // And it can be kept again.
    expect(await upload('nothing needs this')).toBe(unneeded);
  });
});
