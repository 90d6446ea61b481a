import type { Scope } from '../../../contracts/access/access.ts';
import type { Operation } from '../support/contract.ts';
import { World } from '../support/world.ts';

const NOBODY = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';

/** The least scope that each operation asks for. */
const NEEDS: Readonly<Record<string, Scope | 'operator or approver'>> = {
  'GET /api/v1/agents': 'viewer',
  'GET /api/v1/agents/{id}': 'viewer',
  'PATCH /api/v1/agents/{id}': 'operator',
  'DELETE /api/v1/agents/{id}': 'admin',
  'POST /api/v1/agents/{id}/revoke': 'operator',
  'GET /api/v1/agents/{id}/telemetry': 'viewer',
  'GET /api/v1/agents/{id}/telemetry/history': 'viewer',
  'GET /api/v1/agents/{id}/software': 'viewer',
  'GET /api/v1/agents/{id}/certificates': 'viewer',
  'GET /api/v1/fleet/summary': 'viewer',
  'GET /api/v1/fleet/history': 'viewer',
  'POST /api/v1/tasks': 'operator',
  'GET /api/v1/tasks': 'viewer',
  'POST /api/v1/tasks/bulk': 'operator',
  'GET /api/v1/tasks/{id}': 'viewer',
  'POST /api/v1/tasks/{id}/cancel': 'operator',
  'POST /api/v1/tasks/{id}/retry': 'operator',
  'GET /api/v1/offline-queue': 'viewer',
  'GET /api/v1/deployment-statuses': 'viewer',
  'POST /api/v1/artifacts': 'operator',
  'GET /api/v1/artifacts': 'viewer',
  'GET /api/v1/alerts': 'viewer',
  'GET /api/v1/incidents': 'viewer',
  'GET /api/v1/incidents/{id}': 'viewer',
  'GET /api/v1/incidents/{id}/occurrences': 'viewer',
  'GET /api/v1/incidents/{id}/remedies': 'viewer',
  'GET /api/v1/incidents/{id}/calls': 'viewer',
  'GET /api/v1/incidents/{id}/timeline': 'viewer',
  'POST /api/v1/incidents/{id}/approve': 'approver',
  'POST /api/v1/incidents/{id}/edit': 'approver',
  'POST /api/v1/incidents/{id}/reject': 'approver',
  'POST /api/v1/incidents/{id}/ask': 'approver',
  'POST /api/v1/incidents/{id}/stop': 'operator or approver',
  'GET /api/v1/audit-events': 'viewer',
  'POST /api/v1/enrolment-tokens': 'operator',
  'GET /api/v1/enrolment-tokens': 'operator',
  'DELETE /api/v1/enrolment-tokens/{id}': 'operator',
  'POST /api/v1/operator-tokens': 'admin',
  'GET /api/v1/operator-tokens': 'admin',
  'DELETE /api/v1/operator-tokens/{id}': 'admin',
  'POST /api/v1/packaging-pipelines': 'operator',
  'GET /api/v1/packaging-pipelines': 'viewer',
  'GET /api/v1/packaging-pipelines/{id}': 'viewer',
  'POST /api/v1/packaging-pipelines/{id}/cancel': 'operator',
  'POST /api/v1/packaging-pipelines/{id}/retry': 'operator',
  'GET /api/v1/packaging-pipelines/{id}/log': 'viewer',
  'GET /api/v1/packaging-pipelines/{id}/sbom': 'viewer',
  'GET /api/v1/packaging-pipelines/{id}/scan': 'viewer',
  'GET /api/v1/packaging-pipelines/{id}/findings': 'viewer',
  'GET /api/v1/packaging-pipelines/{id}/decision': 'viewer',
  'GET /api/v1/packaging-pipelines/{id}/package': 'viewer',
  'GET /api/v1/evidence-packs': 'viewer',
  'GET /api/v1/evidence-packs/{id}': 'viewer',
  'GET /api/v1/evidence-packs/{id}/document': 'viewer',
  'GET /api/v1/evidence-packs/{id}/verification': 'viewer',
  'POST /api/v1/policy-exceptions': 'operator',
  'GET /api/v1/policy-exceptions': 'viewer',
  'GET /api/v1/policy-exceptions/{id}': 'viewer',
  'POST /api/v1/policy-exceptions/{id}/approve': 'approver',
  'POST /api/v1/policy-exceptions/{id}/revoke': 'approver',
  'GET /api/v1/store': 'viewer',
  'POST /api/v1/store/clean': 'admin',
  'POST /api/v1/deployments': 'operator',
  'GET /api/v1/deployments': 'viewer',
  'GET /api/v1/deployments/{id}': 'viewer',
  'GET /api/v1/deployments/{id}/rings': 'viewer',
  'GET /api/v1/deployments/{id}/devices': 'viewer',
  'GET /api/v1/deployments/{id}/decisions': 'viewer',
  'POST /api/v1/deployments/{id}/decisions': 'approver',
  'POST /api/v1/deployments/{id}/pause': 'operator',
  'POST /api/v1/deployments/{id}/resume': 'operator',
  'POST /api/v1/deployments/{id}/abort': 'operator',
  'POST /api/v1/deployments/{id}/rollback': 'operator',
  'GET /api/v1/rollout-plans': 'viewer',
  'POST /api/v1/fleet/apply': 'operator',
  'GET /api/v1/whoami': 'viewer',
  'GET /metrics': 'viewer',
};

/** Scopes that do not include the one needed. */
const TOO_SMALL: Readonly<Record<Scope | 'operator or approver', readonly Scope[]>> = {
  viewer: [],
  'operator or approver': ['viewer'],
  operator: ['viewer', 'approver'],
  approver: ['viewer', 'operator'],
  admin: ['viewer', 'operator', 'approver'],
};

describe('Every route of operators asks for credentials that allow it', () => {
  let world: World;
  let routes: Operation[];
  const tokens = { expired: '', revoked: '' };

  beforeAll(async () => {
    world = await World.start();
    routes = world.contract.operations.filter(({ secured, listener }) => secured && listener === 'operator');
    const { operatorTokens } = world.api.database.stores;
    const actor = { type: 'system', id: 'test' } as const;
    const make = (name: string) =>
      operatorTokens.create({ name, scopes: ['admin'], expires_in_seconds: 60 }, actor, 'test');
    const [expired, revoked] = [await make('expired'), await make('revoked')];
    await world.api.database.pool.query('UPDATE operator_token SET expires_at = now() WHERE id = $1', [
      expired.id,
    ]);
    await operatorTokens.revoke(revoked.id, actor, 'test');
    Object.assign(tokens, { expired: expired.token, revoked: revoked.token });
  });
  afterAll(() => world?.dispose());

  const send = (route: Operation, authorization?: string) =>
    world.contract.call(world.api.operatorUrl + route.path.replace('{id}', NOBODY), {
      method: route.method,
      ...(route.method === 'GET' || route.method === 'DELETE' ? {} : { body: {} }),
      headers: authorization === undefined ? {} : { authorization },
    });

  it('knows the scope of every route of the document, and no other', () => {
    expect(routes.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(Object.keys(NEEDS).sort());
  });

  it('answers 401 to no token, to other schemes and to tokens that are garbage, expired or revoked', async () => {
    const bad = [
      undefined,
      'Bearer',
      'Bearer ',
      'Basic YWRtaW46YWRtaW4=',
      'Bearer garbage',
      'Bearer a.b.c',
      `Bearer ${'x'.repeat(8_193)}`,
      `Bearer ${tokens.expired}`,
      `Bearer ${tokens.revoked}`,
    ];
    for (const route of routes) {
      for (const authorization of bad) {
        const said = await send(route, authorization);
        expect([route, authorization, said.status, said.body['code']]).toEqual([
          route,
          authorization,
          401,
          'unauthenticated',
        ]);
        expect(said.headers['www-authenticate']).toBe('Bearer');
      }
    }
  }, 120_000);

  it('answers 403 to every scope that is too small, and audits it', async () => {
    for (const route of routes) {
      for (const scope of TOO_SMALL[NEEDS[`${route.method} ${route.path}`] ?? 'admin']) {
        const said = await send(route, `Bearer ${await world.token(scope)}`);
        expect([route.path, scope, said.status, said.body['code']]).toEqual([
          route.path,
          scope,
          403,
          'forbidden',
        ]);
      }
    }
    const denied = await world.audit({ action: 'security.access_denied', limit: '1' });
    expect(denied).toMatchObject([{ kind: 'security', actor_type: 'operator' }]);
  });

  it('lets the scope that is needed in, and admin everywhere', async () => {
    for (const route of routes) {
      const needed = NEEDS[`${route.method} ${route.path}`] ?? 'admin';
      const enough: readonly Scope[] =
        needed === 'operator or approver' ? ['operator', 'approver'] : [needed];
      for (const scope of [...enough, 'admin'] as const) {
        const { status } = await send(route, `bearer ${await world.token(scope)}`);
        expect([route.path, scope, status === 401 || status === 403]).toEqual([route.path, scope, false]);
      }
    }
  });

  it('forgets a revoked token with the next request, and keeps only hashes', async () => {
    const made = await world.operator('/api/v1/operator-tokens', {
      body: { name: 'brief', scopes: ['viewer'] },
    });
    const token = String(made.body['token']);
    const whoami = () =>
      world.contract.call(`${world.api.operatorUrl}/api/v1/whoami`, {
        headers: { authorization: `Bearer ${token}` },
      });
    expect((await whoami()).body).toEqual({ name: 'brief', scopes: ['viewer'], via: 'token' });
    await world.operator(`/api/v1/operator-tokens/${made.body['id']}`, { method: 'DELETE' });
    expect((await whoami()).status).toBe(401);
    const { rows } = await world.api.database.pool.query<{ row: string }>(
      'SELECT row_to_json(t)::text AS row FROM operator_token t',
    );
    expect(rows.map(({ row }) => row).join()).not.toContain(token.slice(12));
    const { text } = await world.operator('/api/v1/operator-tokens');
    expect(text).not.toContain('hash');
  });
});
