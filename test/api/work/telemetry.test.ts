import type { TestAgent } from '../../harness/agent-client.ts';
import { items, World } from '../support/world.ts';

const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString();

describe('Telemetry', () => {
  let world: World;
  let agent: TestAgent;
  beforeAll(async () => {
    world = await World.start();
  });
  beforeEach(async () => {
    agent = await world.enrol();
  });
  afterAll(() => world?.dispose());

  const send = (body: unknown) => world.agentSays(`/api/v1/agents/${agent.id}/telemetry`, { agent, body });
  const kept = async (query = '') =>
    items(await world.operator(`/api/v1/agents/${agent.id}/telemetry?${query}`));
  const status = async () => (await world.operator(`/api/v1/agents/${agent.id}`)).body['status'];

  it('keeps one sample with all its fields', async () => {
    const sample = {
      collected_at: ago(1),
      cpu_percent: 12.5,
      memory_percent: 50,
      memory_used_mb: 1_024.5,
      memory_total_mb: 2_048,
      disk_percent: 75,
      disk_used_gb: 3,
      disk_total_gb: 4,
      installed_software: [{ name: 'bash', version: '5', publisher: null, installed_on: '2026-01-01' }],
      services: [{ name: 'cron', state: 'running', detail: null }],
      metrics: { queue: 3 },
    };
    expect((await send(sample)).body).toEqual({ accepted: 1, duplicates: 0, rejected: [] });
    const { installed_software, ...rest } = sample;
    expect(await kept('with_software=true')).toMatchObject([sample]);
    const [brief] = await kept();
    expect(brief).toMatchObject(rest);
    expect(brief).not.toHaveProperty('installed_software');
    const software = await world.operator(`/api/v1/agents/${agent.id}/software`);
    expect(software.body).toEqual({ collected_at: sample.collected_at, software: installed_software });
  });

  it('takes a batch; duplicates, too old and future samples are told and cost the others nothing', async () => {
    const samples = [ago(3), ago(2), ago(2), ago(40 * 86_400), ago(-3_600)].map((collected_at) => ({
      collected_at,
    }));
    samples[2] = samples[1] ?? { collected_at: '' };
    const { body } = await send({ samples });
    expect(body).toMatchObject({
      accepted: 2,
      duplicates: 1,
      rejected: [
        { index: 3, reason: expect.stringMatching(/retention/) },
        { index: 4, reason: expect.stringMatching(/future/) },
      ],
    });
    expect((await send({ samples })).body).toMatchObject({ accepted: 0, duplicates: 3 });
    expect(await kept()).toHaveLength(2);
  });

  it('keeps the samples of its retention and of a clock that is a little ahead', async () => {
    const samples = [{ collected_at: ago(29.9 * 86_400) }, { collected_at: ago(-500) }];
    expect((await send({ samples })).body).toMatchObject({ accepted: 2, rejected: [] });
    expect(await kept(`collected_after=${ago(60)}`)).toHaveLength(1);
    expect(await kept(`collected_before=${ago(60)}`)).toHaveLength(1);
  });

  it('takes at most 500 samples at once', async () => {
    const samples = Array.from({ length: 501 }, (_, n) => ({ collected_at: ago(n) }));
    expect((await send({ samples })).status).toBe(422);
    expect((await send({ samples: samples.slice(1) })).body).toMatchObject({ accepted: 500 });
  });

  it('keeps instants in UTC and to the millisecond, whatever form they come in', async () => {
    const yesterday = ago(86_400).slice(0, 10);
    const samples = ['T08:00:00.1234567+05:30', 'T02:30:00.1239Z'].map((time) => ({
      collected_at: yesterday + time,
    }));
    expect((await send({ samples })).body).toMatchObject({ accepted: 1, duplicates: 1 });
    expect(await kept()).toMatchObject([{ collected_at: expect.stringMatching(/T02:30:00\.123Z$/) }]);
  });

  it('never loses others’ samples to one that Postgres would refuse', async () => {
    const tiny = { collected_at: ago(1), cpu_percent: 3.4e-73, memory_percent: 5e-324, disk_percent: -0 };
    const strange = { collected_at: '0255-12-03T11:18:44+19:40' };
    const good = { collected_at: ago(2), cpu_percent: 99.99999, memory_used_mb: 5e-324 };
    const said = await Promise.all([send(tiny), send(good), send(strange)]);
    expect(said.map(({ status: code }) => code)).toEqual([200, 200, 200]);
    expect(said[2]?.body).toMatchObject({ accepted: 0, rejected: [{ index: 0 }] });
    expect(await kept()).toMatchObject([{ cpu_percent: 0 }, { cpu_percent: 100 }]);
  });

  it.each(['cpu_percent', 'memory_percent', 'disk_percent'])(
    'makes an agent DEGRADED by %s, and back',
    async (field) => {
      // From one moment, else a slow machine would change what is older than what.
      const moment = Date.now();
      const ago = (seconds: number) => new Date(moment - seconds * 1_000).toISOString();
      await agent.heartbeat();
      await send({ collected_at: ago(3), [field]: 94.9 });
      expect(await status()).toBe('ONLINE');
      await send({ collected_at: ago(2), [field]: 95 });
      expect(await status()).toBe('DEGRADED');
      expect((await agent.heartbeat()).body['status']).toBe('DEGRADED');
      await send({ collected_at: ago(4), [field]: 1 });
      expect(await status()).toBe('DEGRADED');
      await send({ collected_at: ago(1), [field]: 1 });
      expect(await status()).toBe('ONLINE');
      const changes = await world.audit({ object_id: agent.id, action: 'agent.status' });
      expect(changes.map(({ after }) => (after as { status: string }).status)).toEqual([
        'ONLINE',
        'DEGRADED',
        'ONLINE',
      ]);
    },
  );

  it('takes a sample without percentages for no word on how strained a machine is', async () => {
    await agent.heartbeat();
    await send({ collected_at: ago(3), cpu_percent: 99 });
    expect(await status()).toBe('DEGRADED');
    await send({ collected_at: ago(2), services: [], cpu_percent: null });
    expect(await status()).toBe('DEGRADED');
    await send({ collected_at: ago(1), cpu_percent: 1 });
    expect(await status()).toBe('ONLINE');
  });

  it('lists at most 100 samples a page', async () => {
    await send({ samples: Array.from({ length: 101 }, (_, n) => ({ collected_at: ago(n + 1) })) });
    const said = await world.operator(`/api/v1/agents/${agent.id}/telemetry?limit=500`);
    expect(items(said)).toHaveLength(100);
    expect(
      items(
        await world.operator(
          `/api/v1/agents/${agent.id}/telemetry?limit=500&cursor=${said.body['next_cursor']}`,
        ),
      ),
    ).toHaveLength(1);
  });

  it('makes nobody DEGRADED who is not online', async () => {
    await send({ collected_at: ago(1), cpu_percent: 100 });
    expect(await status()).toBe('UNKNOWN');
    expect((await agent.heartbeat()).body['status']).toBe('DEGRADED');
  });

  it('lets an agent be DEGRADED by its own word or its last error until it takes that back', async () => {
    expect((await agent.heartbeat({ status: 'DEGRADED' })).body['status']).toBe('DEGRADED');
    expect((await agent.heartbeat()).body['status']).toBe('ONLINE');
    expect((await agent.heartbeat({ last_error: 'disk on fire' })).body['status']).toBe('DEGRADED');
    expect((await world.operator(`/api/v1/agents/${agent.id}`)).body).toMatchObject({
      last_error: 'disk on fire',
    });
    expect((await agent.heartbeat({ last_error: '' })).body['status']).toBe('ONLINE');
    expect((await world.operator(`/api/v1/agents/${agent.id}`)).body).toMatchObject({ last_error: null });
  });
});
