import { newKeyAndRequest } from '../../harness/agent-client.ts';
import { World } from '../support/world.ts';

describe('Enrolment', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world?.dispose());

  it('takes a one-time key once; the second machine gets 401 and an audit event tells of the reuse', async () => {
    const { token, id } = await world.key();
    expect((await world.register({ registration_key: token })).status).toBe(201);
    const again = await world.register({ registration_key: token });
    expect(again).toMatchObject({ status: 401, body: { code: 'enrolment-token-invalid' } });
    const [event] = await world.audit({ action: 'security.token_reused', limit: '1' });
    expect(event).toMatchObject({ after: { reason: 'token_used_up', tokenId: id }, kind: 'security' });
    expect(JSON.stringify(event)).not.toContain(token);
  });

  it('answers the same agent to the same key and hardware, even with a key that is used up', async () => {
    const { token } = await world.key();
    const body = { registration_key: token, hardware_id: 'same-hardware' };
    const [first, second] = [await world.register(body), await world.register(body)];
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body['agent_id']).toBe(first.body['agent_id']);
    expect(second.body['certificate']).not.toBe(first.body['certificate']);
  });

  it('tells machines apart by hardware id, else by MAC address, else by hostname, in any case', async () => {
    const { token } = await world.key({ max_uses: null });
    const identify = async (fields: Record<string, unknown>) => {
      const said = await world.register({ registration_key: token, hardware_id: undefined, ...fields });
      return said.body['agent_id'];
    };
    const byHardware = await identify({ hardware_id: 'hardware-1' });
    const byMac = await identify({ mac_address: '02:00:00:00:00:0A' });
    const byName = await identify({ hostname: 'Alpha' });
    expect(new Set([byHardware, byMac, byName]).size).toBe(3);
    expect(await identify({ hardware_id: 'hardware-1', hostname: 'renamed' })).toBe(byHardware);
    expect(await identify({ mac_address: '02:00:00:00:00:0a', hostname: 'other' })).toBe(byMac);
    expect(await identify({ hostname: 'alpha' })).toBe(byName);
  });

  it('refuses unknown, expired and revoked keys with 401 and audits them', async () => {
    const expired = await world.key({ expires_in_seconds: 1 });
    await world.api.database.pool.query('UPDATE enrolment_token SET expires_at = now() WHERE id = $1', [
      expired.id,
    ]);
    const revoked = await world.key();
    await world.operator(`/api/v1/enrolment-tokens/${revoked.id}`, { method: 'DELETE' });
    for (const [token, reason] of [
      ['eucora_enrol_unknown', 'token_unknown'],
      [expired.token, 'token_expired'],
      [revoked.token, 'token_revoked'],
    ] as const) {
      const said = await world.register({ registration_key: token });
      expect(said).toMatchObject({ status: 401, body: { code: 'enrolment-token-invalid' } });
      const [event] = await world.audit({ action: 'security.token_rejected', limit: '1' });
      expect(event).toMatchObject({ after: { reason }, actor_type: 'anonymous' });
    }
  });

  it('never lets more machines in than max_uses, with 20 at the same moment', async () => {
    const { token, id } = await world.key({ max_uses: 5 });
    const said = await Promise.all(
      Array.from({ length: 20 }, () => world.register({ registration_key: token })),
    );
    expect(said.filter(({ status }) => status === 201)).toHaveLength(5);
    expect(said.filter(({ status }) => status === 401)).toHaveLength(15);
    const { rows } = await world.api.database.pool.query<{ count: number }>(
      'SELECT count(*) FROM agent WHERE enrolment_token_id = $1',
      [id],
    );
    expect(rows).toEqual([{ count: 5 }]);
  });

  it('uses up no key for a request that cannot be signed', async () => {
    const { token } = await world.key();
    const csr = 'x'.repeat(100);
    expect((await world.register({ registration_key: token, csr })).status).toBe(422);
    expect((await world.register({ registration_key: token })).status).toBe(201);
  });

  it('takes hostnames that look like encoded values, and uses up no key for a broken request', async () => {
    const { token } = await world.key();
    const { csr } = await newKeyAndRequest();
    const der = Buffer.from(csr.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
    for (let at = 0; at < der.length; at += 7) {
      const broken = Buffer.from(der);
      broken[at] = (broken[at] ?? 0) ^ 1;
      const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${broken.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
      const said = await world.register({ registration_key: 'x', csr: pem });
      // A few bits, of the signature's wrapping, mean nothing.
      expect([at, [401, 422].includes(said.status)]).toEqual([at, true]);
    }
    for (const hostname of ['#zz', '#05', '#', '"', '\\', '+', 'a=b,c', ' ', '\u0001']) {
      const body = { registration_key: token, hostname, hardware_id: 'odd-name' };
      expect([hostname, (await world.register(body)).body['code']]).toEqual([hostname, undefined]);
    }
  });

  it('takes up what has changed when a machine enrols again; what it leaves out stays', async () => {
    const { token } = await world.key();
    const first = {
      registration_key: token,
      hardware_id: 'changing',
      hostname: 'before',
      platform_version: '1',
      cpu_cores: 2,
      ip_address: '10.0.0.1',
    };
    const id = (await world.register(first)).body['agent_id'];
    const now = { hostname: 'after', agent_version: '9.9', memory_mb: 4_096, ip_address: '10.0.0.2' };
    const { platform_version, cpu_cores, ...again } = { ...first, ...now };
    await world.register({ ...again, platform_version: undefined });
    expect((await world.operator(`/api/v1/agents/${id}`)).body).toMatchObject({
      ...now,
      platform_version,
      cpu_cores,
    });
  });

  it('refuses a revoked machine that knocks with its old key, and a machine of a deleted agent is new', async () => {
    const { token } = await world.key({ max_uses: null });
    const body = { registration_key: token, hardware_id: 'revoked-hardware' };
    const id = (await world.register(body)).body['agent_id'];
    await world.operator(`/api/v1/agents/${id}/revoke`, { method: 'POST' });
    expect(await world.register(body)).toMatchObject({ status: 401, body: { code: 'agent-revoked' } });
    await world.operator(`/api/v1/agents/${id}`, { method: 'DELETE' });
    const anew = await world.register(body);
    expect(anew.status).toBe(201);
    expect(anew.body['agent_id']).not.toBe(id);
  });

  it('keeps what the machine says of itself; the tags of the key weigh more than its own', async () => {
    const { token } = await world.key({ tags: { site: 'zurich', critical: true } });
    const { csr } = await newKeyAndRequest();
    const facts = {
      hostname: 'büro-17',
      platform: 'windows',
      platform_version: '11',
      agent_version: '2.0.1',
      cpu_cores: 8,
      memory_mb: 16_384,
      disk_gb: 512,
      ip_address: '2001:db8::17',
      mac_address: '02-00-00-00-00-17',
      metadata: { rack: { unit: 4 } },
    };
    const body = {
      registration_key: token,
      csr,
      hardware_id: 'hardware-facts',
      tags: { site: 'x', own: 1 },
      ...facts,
    };
    const said = await world.register(body);
    expect(said.body['configuration']).toMatchObject({
      heartbeat_interval_seconds: 60,
      telemetry_interval_seconds: 300,
      limits: { max_pending_tasks: 10, max_telemetry_batch: 500 },
    });
    const shown = await world.operator(`/api/v1/agents/${said.body['agent_id']}`);
    expect(shown.body).toMatchObject({
      ...facts,
      status: 'UNKNOWN',
      is_online: false,
      tags: { site: 'zurich', own: 1, critical: true },
    });
    expect(shown.text).not.toContain(token);
  });
});
