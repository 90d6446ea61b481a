import { Agent } from 'undici';
import type { TestAgent } from '../../harness/agent-client.ts';
import type { Operation, Said } from '../support/contract.ts';
import { daysFromNow, opensslCertificate } from '../support/openssl.ts';
import { World } from '../support/world.ts';

const NOBODY = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';
const BODIES: Readonly<Record<string, object>> = {
  renew: { csr: 'x'.repeat(100) },
  fail: { error_message: 'x' },
  telemetry: { collected_at: new Date().toISOString() },
  'deployment-status': { package_name: 'p', package_version: '1', status: 'INSTALLED' },
};

describe('Every route of agents asks for the certificate of an agent that may speak', () => {
  let world: World;
  let agent: TestAgent;
  let routes: Operation[];
  const dispatchers: Agent[] = [];

  beforeAll(async () => {
    world = await World.start();
    agent = await world.enrol();
    routes = world.contract.operations.filter(({ secured, listener }) => secured && listener === 'agent');
  });
  afterAll(async () => {
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy()));
    await world?.dispose();
  });

  const send = (route: Operation, dispatcher: Agent, id = agent.id): Promise<Said> => {
    const path = route.path
      .replace('/tasks/{id}', `/tasks/${NOBODY}`)
      .replace('{id}', id)
      .replace('{sha256}', '0'.repeat(64));
    const body = BODIES[path.split('/').at(-1) ?? ''] ?? {};
    return world.agentSays(path, {
      dispatcher,
      method: route.method,
      ...(route.method === 'GET' ? {} : { body }),
    });
  };
  const showing = (shown: { certificate: string; keyPem: string }): Agent => {
    const dispatcher = new Agent({
      connect: { ca: world.api.caPem, cert: shown.certificate, key: shown.keyPem },
    });
    dispatchers.push(dispatcher);
    return dispatcher;
  };
  const everywhere = async (dispatcher: Agent, status: number, code: string, id?: string) => {
    for (const route of routes) {
      const said = await send(route, dispatcher, id);
      expect([route.path, said.status, said.body['code']]).toEqual([route.path, status, code]);
    }
  };
  const subject = () => `/CN=host/O=EUCORA Agents/OU=${agent.id}`;

  it('covers all routes of agents but enrolment', () => {
    expect(routes).toHaveLength(10);
  });

  it('lets the agent itself in', async () => {
    for (const route of routes) {
      const { status } = await send(route, agent.dispatcher);
      expect([route.path, [200, 201, 404, 422].includes(status)]).toEqual([route.path, true]);
    }
  });

  it('answers 401 without a certificate', () => everywhere(world.anonymous, 401, 'certificate-required'));

  it('answers 401 to a certificate of a foreign CA of the same name', async () => {
    const shown = opensslCertificate({ subject: subject(), days: [daysFromNow(-1), daysFromNow(1)] });
    await everywhere(showing(shown), 401, 'certificate-invalid');
  });

  it('answers 401 to an expired certificate of this CA', async () => {
    const days = [daysFromNow(-3), daysFromNow(-1)] as const;
    const shown = opensslCertificate({ subject: subject(), dataDir: world.api.dataDir, days });
    await everywhere(showing(shown), 401, 'certificate-invalid');
  });

  it('answers 401 to a certificate of this CA that is not valid yet', async () => {
    const days = [daysFromNow(1), daysFromNow(3)] as const;
    const shown = opensslCertificate({ subject: subject(), dataDir: world.api.dataDir, days });
    await everywhere(showing(shown), 401, 'certificate-invalid');
  });

  it('answers 401 to a server certificate of this CA', async () => {
    const { certificate, key } = await world.api.authority.issueServerCertificate(['localhost']);
    await everywhere(showing({ certificate, keyPem: key }), 401, 'certificate-invalid');
  });

  it('answers 401 to a certificate of this CA for servers that names an agent', async () => {
    const days = [daysFromNow(-1), daysFromNow(1)] as const;
    const shown = opensslCertificate({
      subject: subject(),
      dataDir: world.api.dataDir,
      days,
      usage: 'serverAuth',
    });
    await everywhere(showing(shown), 401, 'certificate-invalid');
  });

  it.each([
    ['another organisation', (id: string) => `/CN=host/O=EUCORA/OU=${id}`],
    ['no agent id', () => '/CN=host/O=EUCORA Agents/OU=x'],
    ['no unit', () => '/CN=host/O=EUCORA Agents'],
  ])('answers 401 to a certificate of this CA that names %s', async (_what, name) => {
    const days = [daysFromNow(-1), daysFromNow(1)] as const;
    const shown = opensslCertificate({ subject: name(agent.id), dataDir: world.api.dataDir, days });
    await everywhere(showing(shown), 401, 'certificate-invalid');
  });

  it('answers 401 to an agent that never was', async () => {
    const { certificate, keyPem } = opensslCertificate({
      subject: `/CN=host/O=EUCORA Agents/OU=${NOBODY}`,
      dataDir: world.api.dataDir,
      days: [daysFromNow(-1), daysFromNow(1)],
    });
    await everywhere(showing({ certificate, keyPem }), 401, 'certificate-invalid', NOBODY);
  });

  it('audits certificates that it refuses', async () => {
    const events = await world.audit({ action: 'security.certificate_rejected', limit: '1' });
    expect(events).toMatchObject([{ kind: 'security', actor_type: 'anonymous' }]);
  });

  it('answers 403 to a certificate on the path of another agent, and audits it', async () => {
    const other = await world.enrol();
    for (const route of routes.filter(({ path }) => path.startsWith('/api/v1/agents/{id}/'))) {
      for (const id of [other.id, other.id.toUpperCase(), NOBODY]) {
        const said = await send(route, agent.dispatcher, id);
        expect([route.path, said.status, said.body['code']]).toEqual([route.path, 403, 'wrong-agent']);
      }
    }
    const [event] = await world.audit({ action: 'security.wrong_agent', limit: '1' });
    expect(event).toMatchObject({ actor_id: agent.id, actor_type: 'agent', after: { named: NOBODY } });
  });

  it('answers 404 to a word on a task of another agent, and audits it', async () => {
    const other = await world.enrol();
    const task = await world.startedTask(other);
    for (const word of ['start', 'progress', 'complete', 'fail']) {
      const said = await agent.say(task, word, { error_message: 'x' });
      expect(said).toMatchObject({ status: 404, body: { code: 'not-found' } });
      const [event] = await world.audit({ object_id: task, action: 'security.wrong_agent', limit: '1' });
      expect(event).toMatchObject({ actor_id: agent.id, after: { word }, kind: 'security' });
    }
    expect((await world.operator(`/api/v1/tasks/${task}`)).body).toMatchObject({ status: 'IN_PROGRESS' });
  });

  it('answers 401 to a revoked agent with its next request over the same connection', async () => {
    const revoked = await world.enrol();
    expect((await revoked.heartbeat()).status).toBe(200);
    await world.operator(`/api/v1/agents/${revoked.id}/revoke`, { method: 'POST' });
    await everywhere(revoked.dispatcher, 401, 'agent-revoked', revoked.id);
    const knocking = await world.audit({ action: 'security.agent_revoked', actor_id: revoked.id });
    expect(knocking).toHaveLength(routes.length);
  });

  it('answers 401 to a deleted agent', async () => {
    const deleted = await world.enrol();
    await world.operator(`/api/v1/agents/${deleted.id}`, { method: 'DELETE' });
    await everywhere(deleted.dispatcher, 401, 'certificate-invalid', deleted.id);
  });
});
