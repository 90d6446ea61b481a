import { X509Certificate } from 'node:crypto';
import { newKeyAndRequest, TestAgent } from '../../harness/agent-client.ts';
import { opensslRequest } from '../support/openssl.ts';
import { items, World } from '../support/world.ts';

describe('Renewal and clones', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world?.dispose());

  it('gives a certificate for a new key; the old one works until it expires', async () => {
    const agent = await world.enrol();
    const { csr, keyPem } = opensslRequest('RSA 2048');
    const renewed = await agent.post(`/api/v1/agents/${agent.id}/certificate/renew`, { csr });
    expect(renewed.status).toBe(201);
    const next = new TestAgent(
      world.api.agentUrl,
      agent.id,
      String(renewed.body['certificate']),
      keyPem,
      world.api.caPem,
    );
    expect((await next.heartbeat()).status).toBe(200);
    expect((await agent.heartbeat()).status).toBe(200);
    const listed = items(await world.operator(`/api/v1/agents/${agent.id}/certificates`));
    const { serialNumber, fingerprint256 } = new X509Certificate(String(renewed.body['certificate']));
    expect(listed).toHaveLength(2);
    expect(listed[0]).toMatchObject({
      serial: serialNumber.toLowerCase(),
      fingerprint_sha256: fingerprint256.replaceAll(':', '').toLowerCase(),
      subject: expect.stringContaining(`O=EUCORA Agents, OU=${agent.id}`),
      not_after: renewed.body['not_after'],
    });
    await next.close();
  });

  it('refuses keys that are too weak under a good certificate as well', async () => {
    const agent = await world.enrol();
    const { csr } = opensslRequest('RSA 1024');
    expect((await agent.post(`/api/v1/agents/${agent.id}/certificate/renew`, { csr })).status).toBe(422);
  });

  it('tells a clone by other hardware: 409, audited, and nothing of its word is taken up', async () => {
    const agent = await world.enrol();
    await agent.heartbeat({ agent_version: '1.0.0' });
    const clone = await agent.heartbeat({ hardware_id: 'other-hardware', agent_version: '6.6.6' });
    expect(clone).toMatchObject({ status: 409, body: { code: 'agent-cloned' } });
    expect((await world.operator(`/api/v1/agents/${agent.id}`)).body['agent_version']).toBe('1.0.0');
    const [event] = await world.audit({ action: 'security.agent_cloned', object_id: agent.id });
    expect(event).toMatchObject({ kind: 'security' });
    expect((await agent.heartbeat()).status).toBe(200);
  });

  it('tells a clone by an instance that comes back; a restart of the agent is none', async () => {
    const agent = await world.enrol();
    const instance = (n: number) => `00000000-0000-4000-8000-00000000000${n}`;
    const beat = async (n: number) => (await agent.heartbeat({ instance_id: instance(n) })).status;
    expect([await beat(1), await beat(1), await beat(2), await beat(2), await beat(3)]).toEqual([
      200, 200, 200, 200, 200,
    ]);
    expect(await beat(2)).toBe(409);
    expect(await beat(3)).toBe(200);
  });

  it('hands a clone no task', async () => {
    const agent = await world.enrol();
    await agent.heartbeat();
    const id = await world.task(agent.id);
    expect((await agent.heartbeat({ hardware_id: 'other-hardware' })).status).toBe(409);
    expect((await agent.heartbeat()).body).toMatchObject({ pending_tasks: [{ id }] });
  });

  it('gives a clone an identity of its own under the certificate it shares, always the same one', async () => {
    const agent = await world.enrol({ tags: { site: 'zurich' } });
    const { csr, keyPem } = await newKeyAndRequest();
    const body = { registration_key: 'no longer known', csr, hardware_id: 'clone-hardware' };
    const [first, second] = [
      await world.register(body, agent.dispatcher),
      await world.register(body, agent.dispatcher),
    ];
    expect([first.status, second.status]).toEqual([201, 200]);
    const cloneId = String(first.body['agent_id']);
    expect(cloneId).not.toBe(agent.id);
    expect(second.body['agent_id']).toBe(cloneId);
    const shown = await world.operator(`/api/v1/agents/${cloneId}`);
    expect(shown.body).toMatchObject({ cloned_from: agent.id, tags: {} });
    const events = await world.audit({ action: 'security.agent_cloned', object_id: agent.id });
    expect(events).toMatchObject([{ after: { clone: cloneId, hardware_id: 'clone-hardware' } }]);
    const clone = new TestAgent(
      world.api.agentUrl,
      cloneId,
      String(second.body['certificate']),
      keyPem,
      world.api.caPem,
    );
    expect((await clone.heartbeat({ hardware_id: 'clone-hardware' })).status).toBe(200);
    await clone.close();
    expect((await agent.heartbeat()).status).toBe(200);
  });

  it('leaves the original its own identity when it enrols again under its certificate', async () => {
    const agent = await world.enrol({ hardware_id: 'original-hardware' });
    const again = await world.register(
      { registration_key: 'x', hardware_id: 'original-hardware' },
      agent.dispatcher,
    );
    expect(again).toMatchObject({ status: 200, body: { agent_id: agent.id } });
  });

  it('lets one certificate enrol 5 machines, however they are cloned on; others need a key', async () => {
    const agent = await world.enrol();
    let holder = agent;
    const clones: TestAgent[] = [];
    for (let n = 0; n < 5; n += 1) {
      const { csr, keyPem } = await newKeyAndRequest();
      const said = await world.register({ registration_key: 'x', csr }, holder.dispatcher);
      expect(said.status).toBe(201);
      holder = new TestAgent(
        world.api.agentUrl,
        String(said.body['agent_id']),
        String(said.body['certificate']),
        keyPem,
        world.api.caPem,
      );
      clones.push(holder);
    }
    for (const { dispatcher } of [agent, holder]) {
      const more = await world.register({ registration_key: 'x' }, dispatcher);
      expect(more).toMatchObject({ status: 401, body: { code: 'enrolment-token-invalid' } });
    }
    const { token } = await world.key();
    expect((await world.register({ registration_key: token }, agent.dispatcher)).status).toBe(201);

    // Revoking the first shuts out all that came from it, on and on.
    await world.operator(`/api/v1/agents/${agent.id}/revoke`, { method: 'POST' });
    for (const clone of clones) expect((await clone.heartbeat()).status).toBe(401);
    await Promise.all(clones.map((clone) => clone.close()));
  });

  it('makes no more than 5 clones of 20 requests at once', async () => {
    const agent = await world.enrol();
    const said = await Promise.all(
      Array.from({ length: 20 }, () => world.register({ registration_key: 'x' }, agent.dispatcher)),
    );
    expect(said.filter(({ status }) => status === 201)).toHaveLength(5);
    expect(said.filter(({ status }) => status === 401)).toHaveLength(15);
  });

  it('lets a machine that was revoked, or whose agent was deleted, enrol again with a new key', async () => {
    const agents = [await world.enrol(), await world.enrol()] as const;
    await world.operator(`/api/v1/agents/${agents[0].id}/revoke`, { method: 'POST' });
    await world.operator(`/api/v1/agents/${agents[1].id}`, { method: 'DELETE' });
    for (const { dispatcher, id } of agents) {
      const { token } = await world.key();
      const said = await world.register({ registration_key: token, hardware_id: `again-${id}` }, dispatcher);
      expect(said.status).toBe(201);
      expect(said.body['agent_id']).not.toBe(id);
    }
  });

  it('refuses to enrol under the certificate of a revoked agent', async () => {
    const agent = await world.enrol();
    await world.operator(`/api/v1/agents/${agent.id}/revoke`, { method: 'POST' });
    const said = await world.register(
      { registration_key: 'x', hardware_id: 'late-hardware' },
      agent.dispatcher,
    );
    expect(said).toMatchObject({ status: 401, body: { code: 'agent-revoked' } });
  });
});
