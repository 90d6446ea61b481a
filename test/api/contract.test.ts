import type { Scope } from '../../contracts/access/access.ts';
import { IN_TOTO_PAYLOAD_TYPE, serializeEnvelope } from '../../contracts/packaging-pipeline/dsse.ts';
import { Fleet } from '../db/support/fleet.ts';
import { Trouble } from '../db/support/incidents.ts';
import { Rollouts } from '../db/support/rollout.ts';
import type { TestAgent } from '../harness/agent-client.ts';
import { newKeyAndRequest } from '../harness/agent-client.ts';
import { eventually } from '../harness/eventually.ts';
import { pipelineRequest } from '../packaging-pipeline/support/samples.ts';
import type { Operation, Said, Saying } from './support/contract.ts';
import { World } from './support/world.ts';

const NOBODY = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';

describe('Every answer of every route fits the OpenAPI document', () => {
  let world: World;
  let agent: TestAgent;

  beforeAll(async () => {
    world = await World.start();
    agent = await world.enrol();
    await agent.heartbeat();
  });
  afterAll(() => world?.dispose());

  const operator = (path: string, saying: Saying & { scope?: Scope } = {}) => world.operator(path, saying);
  const asAgent = (path: string, saying: Saying = {}) => world.agentSays(path, { ...saying, agent });
  const own = (part: string, saying: Saying = {}) => asAgent(`/api/v1/agents/${agent.id}/${part}`, saying);
  const expectStatuses = async (...pairs: [() => Promise<Said>, number][]) => {
    for (const [said, status] of pairs) expect((await said()).status).toBe(status);
  };

  it('is an OpenAPI 3.1 document that names both listeners and both kinds of credentials', () => {
    const { document } = world.contract;
    expect(document['openapi']).toBe('3.1.0');
    expect(Object.keys((document['components'] as Record<string, object>)['securitySchemes'] ?? {})).toEqual([
      'operatorToken',
      'agentCertificate',
    ]);
    const listeners = world.contract.operations.map((operation) => operation.listener);
    expect(new Set(listeners)).toEqual(new Set(['agent', 'operator', 'both']));
  });

  it('gives every operation a summary and refusals that it can really answer with', () => {
    const wanting = world.contract.operations.filter(
      ({ secured, statuses }) =>
        secured && !['401', '429', '500', '503'].every((status) => statuses.includes(status)),
    );
    expect(wanting).toEqual([]);
  });

  it('for agents: identity', async () => {
    const { csr } = await newKeyAndRequest();
    const { token } = await world.key();
    const machine = { hostname: 'm', platform: 'linux', agent_version: '1', hardware_id: 'contract-1' };
    const body = { registration_key: token, csr, ...machine };
    const path = '/api/v1/agents/register';
    await expectStatuses(
      [() => world.agentSays(path, { body }), 201],
      [() => world.agentSays(path, { body }), 200],
      [() => world.agentSays(path, { body: { ...body, hardware_id: 'contract-2' } }), 401],
      [() => world.agentSays(path, { body: {} }), 422],
      [() => world.agentSays(path, { body: '{' }), 400],
      [() => world.agentSays(path, { body: 'x', headers: { 'content-type': 'text/plain' } }), 415],
      [() => world.agentSays(path, { body: Buffer.alloc(9_000_000) }), 413],
      [() => own('certificate/renew', { body: { csr } }), 201],
      [() => own('certificate/renew', { body: { csr: 'x'.repeat(100) } }), 422],
      [() => own('certificate/renew', { body: 'x', headers: { 'content-type': 'text/plain' } }), 415],
    );
  });

  it('for agents: work', async () => {
    const now = new Date().toISOString();
    const missing = (word: string) =>
      asAgent(`/api/v1/agents/tasks/${NOBODY}/${word}`, { body: { error_message: 'x' } });
    await expectStatuses(
      [() => own('heartbeat', { body: {} }), 200],
      [() => own('heartbeat', { body: { counters: [] } }), 422],
      [() => own('tasks'), 200],
      [() => own('tasks?limit=101'), 422],
      [() => own('telemetry', { body: { collected_at: now, cpu_percent: 3 } }), 200],
      [() => own('telemetry', { body: { samples: [] } }), 422],
      [
        () =>
          own('deployment-status', {
            body: { package_name: 'p', package_version: '1', status: 'INSTALLED' },
          }),
        201,
      ],
      [
        () =>
          own('deployment-status', {
            body: { package_name: 'p', package_version: '1', status: 'INSTALLED', task_id: NOBODY },
          }),
        404,
      ],
      [() => missing('start'), 404],
      [() => missing('progress'), 404],
      [() => missing('complete'), 404],
      [() => missing('fail'), 404],
    );
    const id = await world.task(agent.id);
    await expectStatuses(
      [() => own('heartbeat', { body: {} }), 200],
      [() => asAgent(`/api/v1/agents/tasks/${id}/start`, { body: {} }), 200],
      [() => asAgent(`/api/v1/agents/tasks/${id}/progress`, { body: { percent: 50 } }), 200],
      [() => asAgent(`/api/v1/agents/tasks/${id}/complete`, { body: {} }), 200],
      [() => asAgent(`/api/v1/agents/tasks/${id}/fail`, { body: { error_message: 'late' } }), 409],
    );
    const failing = await world.startedTask(agent);
    await expectStatuses([
      () => asAgent(`/api/v1/agents/tasks/${failing}/fail`, { body: { error_message: 'x' } }),
      200,
    ]);
  });

  it('for operators: agents', async () => {
    const at = `/api/v1/agents/${agent.id}`;
    await expectStatuses(
      [() => operator('/api/v1/agents'), 200],
      [() => operator('/api/v1/agents?cursor=x'), 400],
      [() => operator(at), 200],
      [() => operator(`/api/v1/agents/${NOBODY}`), 404],
      [() => operator('/api/v1/agents/x'), 422],
      [() => operator(at, { method: 'PATCH', body: { tags: { site: 'zurich' } } }), 200],
      [() => operator(`/api/v1/agents/${NOBODY}`, { method: 'PATCH', body: { tags: {} } }), 404],
      [() => operator(`${at}/telemetry?with_software=true`), 200],
      [() => operator(`${at}/telemetry?with_software=perhaps`), 422],
      [() => operator(`${at}/software`), 404],
      [
        () =>
          own('telemetry', {
            body: {
              collected_at: new Date().toISOString(),
              installed_software: [{ name: 'a', version: '1' }],
            },
          }),
        200,
      ],
      [() => operator(`${at}/software`), 200],
      [() => operator(`${at}/telemetry/history?hours=2`), 200],
      [() => operator(`${at}/telemetry/history?hours=721`), 422],
      [() => operator(`${at}/certificates`), 200],
      [() => operator(`${at}/certificates?cursor=x`), 400],
      [() => operator(`${at}/certificates?limit=0`), 422],
      [() => operator('/api/v1/fleet/summary'), 200],
      [() => operator('/api/v1/fleet/history?hours=1'), 200],
      [() => operator('/api/v1/fleet/history?hours=0'), 422],
      [() => operator('/api/v1/alerts'), 200],
      [() => operator('/api/v1/alerts?open=maybe'), 422],
    );
  });

  it('for operators: revoking and deleting an agent', async () => {
    const other = await world.enrol();
    const at = `/api/v1/agents/${other.id}`;
    await expectStatuses(
      [() => operator(`${at}/revoke`, { method: 'POST' }), 200],
      [() => operator(`/api/v1/agents/${NOBODY}/revoke`, { method: 'POST' }), 404],
      [() => operator('/api/v1/tasks', { body: { agent_id: other.id, task_type: 'COLLECT' } }), 409],
      [() => operator(at, { method: 'DELETE' }), 204],
      [() => operator(at, { method: 'DELETE' }), 404],
    );
  });

  it('for operators: tasks', async () => {
    const body = { agent_id: agent.id, task_type: 'COLLECT' };
    const headers = { 'idempotency-key': 'contract' };
    await expectStatuses(
      [() => operator('/api/v1/tasks', { body, headers }), 201],
      [() => operator('/api/v1/tasks', { body, headers }), 200],
      [() => operator('/api/v1/tasks', { body: { ...body, timeout_seconds: 7 }, headers }), 409],
      [() => operator('/api/v1/tasks', { body: { ...body, agent_id: NOBODY } }), 404],
      [
        () =>
          operator('/api/v1/tasks/bulk', {
            body: { selection: { platform: 'linux' }, task_type: 'COLLECT' },
          }),
        201,
      ],
      [
        () =>
          operator('/api/v1/tasks/bulk?dry_run=true', {
            body: { selection: { platform: 'linux' }, task_type: 'COLLECT' },
          }),
        200,
      ],
      [() => operator('/api/v1/tasks/bulk', { body: { selection: {}, task_type: 'COLLECT' } }), 422],
      [() => operator('/api/v1/tasks'), 200],
      [() => operator('/api/v1/tasks?status=ASLEEP'), 422],
    );
    const id = await world.task(agent.id);
    const at = `/api/v1/tasks/${id}`;
    await expectStatuses(
      [() => operator(at), 200],
      [() => operator(`/api/v1/tasks/${NOBODY}`), 404],
      [() => operator(`${at}/retry`, { method: 'POST' }), 409],
      [() => operator(`${at}/cancel`, { method: 'POST' }), 200],
      [() => operator(`${at}/cancel`, { method: 'POST' }), 200],
      [() => operator(`${at}/retry`, { method: 'POST' }), 201],
      [() => operator(`/api/v1/tasks/${NOBODY}/cancel`, { method: 'POST' }), 404],
      [() => operator(`/api/v1/tasks/${NOBODY}/retry`, { method: 'POST' }), 404],
    );
    const done = await world.startedTask(agent);
    await agent.say(done, 'complete');
    await expectStatuses([() => operator(`/api/v1/tasks/${done}/cancel`, { method: 'POST' }), 409]);
  });

  it('for operators: incidents', async () => {
    const trouble = new Trouble(new Fleet(world.api.database));
    const { id } = await trouble.waiting(2);
    const at = `/api/v1/incidents/${id}`;
    const parts = ['occurrences', 'remedies', 'calls', 'timeline'];
    const script = { interpreter: 'sh', script: 'echo mended' };
    await expectStatuses(
      [() => operator('/api/v1/incidents?open=true&platform=linux'), 200],
      [() => operator('/api/v1/incidents?label=BAD_LUCK'), 422],
      [() => operator(at), 200],
      [() => operator(`/api/v1/incidents/${NOBODY}`), 404],
      [() => operator(`${at}/edit`, { body: script }), 200],
      [() => operator(`${at}/edit`, { body: { ...script, script: 'rm -rf /' } }), 422],
      [() => operator(`/api/v1/incidents/${NOBODY}/edit`, { body: script }), 404],
      [() => operator(`${at}/ask`, { body: { wish: 'without a reboot' } }), 200],
      [() => operator(`${at}/ask`, { body: {} }), 409],
      [() => operator(`${at}/approve`, { body: {} }), 409],
      [() => operator(`${at}/stop`, { body: { reason: 'nothing runs' } }), 409],
    );
    await trouble.analysed(id);
    await expectStatuses(
      [() => operator(`${at}/approve`, { body: { suggestion_id: NOBODY } }), 422],
      [() => operator(`${at}/approve`, { body: { note: 'go' } }), 200],
      [() => operator(`${at}/reject`, { body: { reason: 'late' } }), 409],
      [() => operator(`${at}/stop`, { body: {} }), 422],
      [() => operator(`/api/v1/incidents/${NOBODY}/stop`, { body: { reason: 'x' } }), 404],
      [() => operator(`${at}/stop`, { body: { reason: 'looks wrong' } }), 200],
      ...parts.map((part): [() => Promise<Said>, number] => [() => operator(`${at}/${part}`), 200]),
      ...parts.map((part): [() => Promise<Said>, number] => [() => operator(`${at}/${part}?cursor=x`), 400]),
    );
    const other = await trouble.waiting();
    await expectStatuses(
      [() => operator(`/api/v1/incidents/${other.id}/reject`, { body: {} }), 422],
      [() => operator(`/api/v1/incidents/${other.id}/reject`, { body: { reason: 'known' } }), 200],
      [() => operator(`/api/v1/incidents/${other.id}`), 200],
    );
  });

  it('for operators: records', async () => {
    for (const list of [
      'offline-queue',
      'deployment-statuses',
      'audit-events',
      'artifacts',
      'enrolment-tokens',
      'operator-tokens',
    ])
      await expectStatuses(
        [() => operator(`/api/v1/${list}`), 200],
        [() => operator(`/api/v1/${list}?limit=0`), 422],
      );
  });

  it('for operators: artifacts, and agents that download them', async () => {
    const headers = { 'content-type': 'application/octet-stream' };
    const kept = await operator('/api/v1/artifacts?name=a.bin', { body: Buffer.from('0123456789'), headers });
    expect(kept.status).toBe(201);
    const path = `/api/v1/artifacts/${kept.body['sha256']}`;
    await expectStatuses(
      [() => operator('/api/v1/artifacts', { body: Buffer.from('x'), headers }), 422],
      [() => operator('/api/v1/artifacts?name=a', { body: {} }), 415],
      [() => asAgent(path), 200],
      [() => asAgent(path, { headers: { range: 'bytes=2-3' } }), 206],
      [() => asAgent(path, { headers: { range: 'bytes=10-' } }), 416],
      [() => asAgent(`/api/v1/artifacts/${'0'.repeat(64)}`), 404],
      [() => asAgent('/api/v1/artifacts/nonsense'), 422],
    );
  });

  it('for operators: deployments', async () => {
    const rollouts = new Rollouts(world.api.database);
    // As dangerous as it must be to need an approval.
    const pipeline_id = await rollouts.pipeline({
      name: 'contract',
      findings: { critical: 1, high: 0, medium: 0, low: 0, unknown: 0 },
      exceptions: [await rollouts.exception(3_600, 'contract'), await rollouts.exception(3_600, 'contract')],
    });
    const at = '/api/v1/deployments';
    const plan = { rings: [{ name: 'all', size: { rest: true } }], automatic_rollback: false };
    const headers = { 'idempotency-key': 'deployment' };
    const made = await operator(at, { body: { pipeline_id, plan }, headers });
    expect(made.status).toBe(201);
    const id = String(made.body['id']);
    const say =
      (word: string, of = id) =>
      () =>
        operator(`${at}/${of}/${word}`, { body: {} });
    const decision =
      (body: object, of = id) =>
      () =>
        operator(`${at}/${of}/decisions`, { scope: 'approver', body: { decision: 'approve', ...body } });
    await expectStatuses(
      [() => operator(at, { body: { pipeline_id, plan }, headers }), 200],
      [
        () => operator(at, { body: { pipeline_id, plan: { ...plan, time_zone: 'Asia/Tokyo' } }, headers }),
        409,
      ],
      [() => operator(at, { body: { pipeline_id } }), 422],
      [() => operator(at, { body: { pipeline_id: NOBODY, plan } }), 404],
      [() => operator(at), 200],
      [() => operator(`${at}?cursor=x`), 400],
      [decision({ conditions: { pause_after_ring: 'none' } }), 422],
      [() => operator(`${at}/${id}/decisions`, { body: { decision: 'approve' } }), 403],
      [decision({ conditions: { note: 'carefully' } }), 201],
      [decision({}), 200],
      [decision({}, NOBODY), 404],
      [say('pause'), 200],
      [say('pause'), 409],
      [say('resume'), 200],
      [say('abort'), 200],
      [say('rollback'), 200],
      [say('resume', NOBODY), 404],
      [say('abort', NOBODY), 404],
      [say('rollback', NOBODY), 404],
      [() => operator('/api/v1/rollout-plans'), 200],
      [() => operator('/api/v1/rollout-plans?cursor=x'), 400],
      [() => operator('/api/v1/fleet/apply', { body: { version: 1 } }), 200],
      [() => operator('/api/v1/fleet/apply', { body: { version: 2 } }), 422],
    );
    for (const part of ['', '/rings', '/devices', '/decisions'])
      await expectStatuses(
        [() => operator(`${at}/${id}${part}`), 200],
        [() => operator(`${at}/${NOBODY}${part}`), 404],
      );
  });

  it('for operators: packaging', async () => {
    const octets = { 'content-type': 'application/octet-stream' };
    const file = async (content: string) =>
      String(
        (await operator('/api/v1/artifacts?name=f', { body: Buffer.from(content), headers: octets })).body[
          'sha256'
        ],
      );
    const [source, document] = [await file('source'), await file('{"payloadType":"x"}')];
    const at = '/api/v1/packaging-pipelines';
    const made = await operator(at, { body: pipelineRequest(source) });
    const id = String(made.body['id']);
    const lists = ['packaging-pipelines', 'evidence-packs', 'policy-exceptions'];
    for (const list of lists)
      await expectStatuses(
        [() => operator(`/api/v1/${list}`), 200],
        [() => operator(`/api/v1/${list}?cursor=x`), 400],
      );
    const post = (path: string) => () => operator(path, { method: 'POST' });
    await expectStatuses(
      [() => operator(at, { body: pipelineRequest(source, { description: {} }) }), 422],
      [() => operator(`${at}/${id}`), 200],
      [() => operator(`${at}/${NOBODY}`), 404],
      [() => operator(`${at}/${id}/log`), 200],
      [() => operator(`${at}/${NOBODY}/log`), 404],
      [() => operator(`${at}/${id}/findings`), 200],
      [() => operator(`${at}/${id}/findings?severity=BAD`), 422],
      [() => operator(`${at}/${id}/findings?cursor=x`), 400],
      [post(`${at}/${id}/retry`), 409],
      [post(`${at}/${id}/cancel`), 200],
      [post(`${at}/${NOBODY}/cancel`), 404],
      [post(`${at}/${NOBODY}/retry`), 404],
    );
    for (const part of ['sbom', 'scan', 'decision', 'package'])
      await expectStatuses([() => operator(`${at}/${id}/${part}`), 404]);
    const { progress } = world.api.database.stores.pipelines;
    await progress.beginStep(id, 'scan');
    await progress.endStep(id, 'scan', {
      sbom_hash: document,
      scan_results_hash: document,
      scan_summary: { critical: 0, high: 0, medium: 1, low: 0, unknown: 0 },
      scan_pass: true,
      policy_decision: { verdict: 'PASSED', policy: 'p', rules: [], exception_ids: [], decided_at: 'now' },
      output_artifact_hash: source,
      output_artifact_name: 'f.deb',
      output_artifact_bytes: 6,
    });
    for (const part of ['sbom', 'scan', 'decision', 'package'])
      await expectStatuses([() => operator(`${at}/${id}/${part}`), 200]);
    const signatures = [{ keyid: 'f'.repeat(64), sig: 'x', cert: 'x' }];
    const envelope = serializeEnvelope({ payloadType: IN_TOTO_PAYLOAD_TYPE, payload: 'x', signatures });
    await progress.pass(id, { sha256: await file(envelope), signer: 'f'.repeat(64) });
    const { body } = await operator(`${at}/${id}`);
    const pack = `/api/v1/evidence-packs/${body['evidence_id']}`;
    await expectStatuses(
      [() => operator(pack), 200],
      [() => operator(`${pack}/document`), 200],
      [() => operator(`${pack}/verification`), 200],
      [() => operator(`/api/v1/evidence-packs/${NOBODY}/verification`), 404],
      [() => operator(`/api/v1/evidence-packs/${NOBODY}`), 404],
      [() => operator(`/api/v1/evidence-packs/${NOBODY}/document`), 404],
      [post(`${at}/${id}/cancel`), 409],
    );
    const failing = await operator(at, { body: pipelineRequest(source) });
    await progress.fail(String(failing.body['id']), { step: null, code: 'cancelled', message: 'x' });
    await expectStatuses([post(`${at}/${failing.body['id']}/retry`), 201]);
  });

  it('for operators: exceptions and the store', async () => {
    const at = '/api/v1/policy-exceptions';
    const asked = await operator(at, {
      body: { package_name: 'p', cve_ids: ['CVE-2020-1'], reason: 'r' },
      scope: 'operator',
    });
    const own = await operator(at, { body: { package_name: 'p', cve_ids: ['CVE-2020-1'], reason: 'r' } });
    const post = (path: string) => () => operator(path, { method: 'POST' });
    await expectStatuses(
      [() => operator(at, { body: {} }), 422],
      [() => operator(`${at}/${asked.body['id']}`), 200],
      [() => operator(`${at}/${NOBODY}`), 404],
      [post(`${at}/${own.body['id']}/approve`), 403],
      [post(`${at}/${asked.body['id']}/approve`), 200],
      [post(`${at}/${asked.body['id']}/revoke`), 200],
      [post(`${at}/${asked.body['id']}/approve`), 409],
      [post(`${at}/${NOBODY}/approve`), 404],
      [post(`${at}/${NOBODY}/revoke`), 404],
      [() => operator('/api/v1/store'), 200],
      [() => world.contract.call(`${world.api.operatorUrl}/api/v1/store`), 401],
      [post('/api/v1/store/clean?dry_run=true'), 200],
      [post('/api/v1/store/clean?dry_run=perhaps'), 422],
    );
  });

  it('for operators: access', async () => {
    const key = await world.key();
    const made = await operator('/api/v1/operator-tokens', { body: { name: 'n', scopes: ['viewer'] } });
    await expectStatuses(
      [() => operator('/api/v1/enrolment-tokens', { body: {} }), 422],
      [() => operator(`/api/v1/enrolment-tokens/${key.id}`, { method: 'DELETE' }), 204],
      [() => operator(`/api/v1/enrolment-tokens/${key.id}`, { method: 'DELETE' }), 204],
      [() => operator(`/api/v1/enrolment-tokens/${NOBODY}`, { method: 'DELETE' }), 404],
      [() => operator('/api/v1/operator-tokens', { body: { name: 'n', scopes: ['king'] } }), 422],
      [() => operator(`/api/v1/operator-tokens/${made.body['id']}`, { method: 'DELETE' }), 204],
      [() => operator(`/api/v1/operator-tokens/${NOBODY}`, { method: 'DELETE' }), 404],
      [() => operator('/api/v1/whoami'), 200],
      [() => world.contract.call(`${world.api.operatorUrl}/api/v1/whoami`), 401],
    );
    expect(made.status).toBe(201);
  });

  it('in public: health, CA certificate and metrics, on the listeners that have them', async () => {
    for (const call of [(path: string) => operator(path), (path: string) => world.agentSays(path)]) {
      expect((await call('/health/live')).body).toEqual({ status: 'alive' });
      expect((await call('/api/v1/ca-certificate')).text).toBe(world.api.caPem);
    }
    // Temporal is not there in these tests.
    expect((await operator('/health/ready')).status).toBe(503);
    // Who does not answer within 2 s counts as down, and is asked again.
    await eventually(async () => expect((await world.agentSays('/health/ready')).status).toBe(200));
    expect((await operator('/metrics')).status).toBe(200);
    expect((await operator('/metrics', { headers: { authorization: 'Bearer x' } })).status).toBe(401);
  });

  it('in public: a page to try the API, from this origin alone', async () => {
    for (const path of ['/docs', '/docs/start.js', '/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js']) {
      const said = await world.contract.call(world.api.operatorUrl + path);
      expect(said.status).toBe(200);
      expect(said.text.length).toBeGreaterThan(50);
    }
    const page = await world.contract.call(`${world.api.operatorUrl}/docs`);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  });

  it('leaves no route of the document out: each was answered well, and badly where it can be', () => {
    const seen = ({ method, path }: Operation) => [...(world.contract.seen.get(`${method} ${path}`) ?? [])];
    const { operations } = world.contract;
    const name = ({ method, path }: Operation) => `${method} ${path}`;
    expect(
      operations.filter((operation) => !seen(operation).some((status) => status < 300)).map(name),
    ).toEqual(
      ['GET /health/ready'].filter(
        () => !seen(operations.find(({ path }) => path === '/health/ready') as Operation).includes(200),
      ),
    );
    const refusable = operations.filter(({ statuses }) => statuses.includes('401'));
    const simple = /fleet|whoami/;
    expect(
      refusable
        .filter(
          (operation) => !simple.test(operation.path) && !seen(operation).some((status) => status >= 400),
        )
        .map(name),
    ).toEqual([]);
  });
});
