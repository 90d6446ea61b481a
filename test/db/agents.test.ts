import { randomUUID } from 'node:crypto';
import { InvalidCursorError } from '../../db/stores/keyset.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet, machine, OPERATOR } from './support/fleet.ts';
import { untilSomebodyWaits } from './support/locks.ts';

let database: TestDatabase;
let fleet: Fleet;
beforeEach(async () => {
  database = await createTestDatabase();
  fleet = new Fleet(database);
});
afterEach(() => database?.dispose());

const token = (overrides: object = {}) =>
  database.stores.enrolmentTokens.create(
    { name: 't', expires_in_seconds: 60, max_uses: 1, tags: { ring: 1 }, ...overrides },
    OPERATOR,
    'test',
  );
const enrol = (registration_key: string, overrides: object = {}) =>
  database.stores.agents.enrolByToken(machine({ registration_key, ...overrides }), 'test');

describe('enrolment', () => {
  it('the same key and hardware is the same agent, and counts as one use', async () => {
    const { token: key } = await token();
    const first = await enrol(key, { hardware_id: 'machine-1', tags: { ring: 2, site: 'x' } });
    if (first.kind !== 'enrolled') throw new Error(first.kind);
    expect(await enrol(key, { hardware_id: 'machine-1' })).toEqual({ kind: 'known', agentId: first.agentId });
    expect(await enrol(key, { hardware_id: 'machine-2' })).toMatchObject({ kind: 'token_used_up' });
    expect(await database.stores.agents.find(first.agentId)).toMatchObject({
      status: 'UNKNOWN',
      is_online: false,
      tags: { ring: 1, site: 'x' },
    });
    await database.stores.agents.revoke(first.agentId, OPERATOR, 'test');
    expect(await enrol(key, { hardware_id: 'machine-1' })).toMatchObject({ kind: 'agent_revoked' });
  });

  it('machines that share a key enrol at the same time, each is counted, and the same machine twice is one', async () => {
    const { token: key, id } = await token({ max_uses: null });
    const machines = Array.from({ length: 12 }, (_, n) => `machine-${n % 6}`);
    const answers = await Promise.all(machines.map((hardware_id) => enrol(key, { hardware_id })));
    expect(answers.filter((answer) => answer.kind === 'enrolled')).toHaveLength(6);
    expect(answers.filter((answer) => answer.kind === 'known')).toHaveLength(6);
    const { items } = await database.stores.enrolmentTokens.list({ limit: 10 });
    expect(items.find((item) => item.id === id)).toMatchObject({ use_count: 6 });
  });

  it('a key that may be used twice lets two of many in that come at the same time', async () => {
    const { token: key } = await token({ max_uses: 2 });
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, n) => enrol(key, { hardware_id: `machine-${n}` })),
    );
    expect(answers.filter((answer) => answer.kind === 'enrolled')).toHaveLength(2);
    expect(answers.filter((answer) => answer.kind === 'token_used_up')).toHaveLength(4);
  });

  it('a key that is revoked while a machine enrols lets nobody in', async () => {
    const { token: key, id } = await token({ max_uses: null });
    const revocation = await database.pool.connect();
    try {
      await revocation.query('BEGIN');
      await revocation.query('UPDATE enrolment_token SET revoked_at = now() WHERE id = $1', [id]);
      const answer = enrol(key);
      await untilSomebodyWaits(database.pool);
      await revocation.query('COMMIT');
      expect(await answer).toEqual({ kind: 'token_revoked', tokenId: id });
    } finally {
      revocation.release();
    }
    const { rows } = await database.pool.query('SELECT 1 FROM agent');
    expect(rows).toEqual([]);
  });

  it('a machine that does not name its hardware is known by its MAC address, else by its name', async () => {
    const { token: key } = await token({ max_uses: null });
    const nameless = { hardware_id: undefined };
    const byMac = await enrol(key, { ...nameless, mac_address: 'AA:BB:CC:00:11:22', hostname: 'a' });
    expect(await enrol(key, { ...nameless, mac_address: 'aa:bb:cc:00:11:22', hostname: 'b' })).toMatchObject({
      kind: 'known',
      agentId: byMac.kind === 'enrolled' ? byMac.agentId : '',
    });
    await enrol(key, { ...nameless, hostname: 'Same' });
    expect(await enrol(key, { ...nameless, hostname: 'same' })).toMatchObject({ kind: 'known' });
  });

  it('unknown, expired and revoked tokens are told apart', async () => {
    expect(await enrol('nothing')).toEqual({ kind: 'token_unknown' });
    const [expired, revoked] = [await token(), await token({ expires_in_seconds: 3_600 })];
    await database.setClock(61);
    expect(await enrol(expired.token)).toEqual({ kind: 'token_expired', tokenId: expired.id });
    const { enrolmentTokens } = database.stores;
    expect(await enrolmentTokens.revoke(revoked.id, OPERATOR, 'test')).toBe(true);
    expect(await enrolmentTokens.revoke(revoked.id, OPERATOR, 'test')).toBe(true);
    expect(await enrolmentTokens.revoke(randomUUID(), OPERATOR, 'test')).toBe(false);
    expect(await enrol(revoked.token)).toEqual({ kind: 'token_revoked', tokenId: revoked.id });
    const { items } = await database.stores.audit.list({ action: 'enrolment_token.revoke', limit: 5 });
    expect(items).toHaveLength(1);
    expect((await enrolmentTokens.list({ limit: 10 })).items).toHaveLength(2);
  });

  it('a clone gets an identity of its own, always the same; the owner keeps its own', async () => {
    const owner = await fleet.enrol({ site: 'y' }, { hardware_id: 'owner-machine' });
    const { agents } = database.stores;
    const clone = (hardware_id: string) => agents.enrolByCertificate(machine({ hardware_id }), owner, 'test');
    expect(await clone('owner-machine')).toEqual({ kind: 'known', agentId: owner });
    const first = await clone('clone-machine');
    if (first.kind !== 'enrolled') throw new Error(first.kind);
    expect(first.agentId).not.toBe(owner);
    expect(await clone('clone-machine')).toEqual({ kind: 'known', agentId: first.agentId });
    // What an operator said of one machine was not said of the other.
    expect(await agents.find(first.agentId)).toMatchObject({ cloned_from: owner, tags: {} });
    await agents.revoke(owner, OPERATOR, 'test');
    expect(await clone('third-machine')).toEqual({ kind: 'agent_revoked', agentId: owner });
    expect(await agents.enrolByCertificate(machine(), randomUUID(), 'test')).toMatchObject({
      kind: 'agent_revoked',
    });
  });
});

it('admission tells who may speak, and a certificate that was issued is audited', async () => {
  const id = await fleet.enrol();
  const { agents, audit, certificates } = database.stores;
  expect(await agents.admission(id)).toBe('admitted');
  expect(await agents.admission(randomUUID())).toBe('unknown');
  const day = (n: number) => new Date(Date.UTC(2026, 0, n));
  const known = { fingerprint: 'ff', subject: 'CN=a', notBefore: day(1), notAfter: day(31), authority: 'aa' };
  await certificates.add(id, { serial: '01', ...known }, 'c');
  expect((await audit.list({ action: 'agent.certificate_issued', limit: 5 })).items).toMatchObject([
    { object_id: id, correlation_id: 'c' },
  ]);
  await agents.revoke(id, OPERATOR, 'test');
  await agents.revoke(id, OPERATOR, 'test');
  expect(await agents.admission(id)).toBe('revoked');
  expect((await audit.list({ action: 'agent.revoke', limit: 5 })).items).toHaveLength(1);
});

it('tags are replaced and audited; those of nobody are not', async () => {
  const id = await fleet.enrol({ old: true });
  const { agents, audit } = database.stores;
  expect(await agents.setTags(id, { fresh: 1 }, OPERATOR, 'c')).toMatchObject({ tags: { fresh: 1 } });
  expect(await agents.setTags(randomUUID(), {}, OPERATOR, 'c')).toBeUndefined();
  expect((await audit.list({ action: 'agent.tags', limit: 5 })).items).toMatchObject([
    { before: { tags: { old: true } }, after: { tags: { fresh: 1 } } },
  ]);
});

it('the summary counts agents that are not revoked, by status, platform and version', async () => {
  await fleet.online();
  await fleet.enrol({}, { platform: 'windows', agent_version: '2.0.0' });
  await database.stores.agents.revoke(await fleet.enrol(), OPERATOR, 'test');
  expect(await database.stores.agents.summary()).toEqual({
    total: 2,
    by_status: { ONLINE: 1, OFFLINE: 0, DEGRADED: 0, UNKNOWN: 1 },
    by_platform: { windows: 1, macos: 0, linux: 1 },
    by_agent_version: { '1.0.0': 1, '2.0.0': 1 },
  });
});

describe('lists', () => {
  it('pages follow each other without gap or repetition, newest first', async () => {
    const made: string[] = [];
    while (made.length < 7) made.push(await fleet.enrol());
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await database.stores.agents.list({ limit: 3, cursor });
      seen.push(...page.items.map((agent) => agent.id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual([...made].sort().reverse());
  });

  it('a cursor of another list, or one that was made up, is refused', async () => {
    for (let n = 0; n < 3; n += 1) await fleet.task(await fleet.enrol());
    const { next_cursor } = await database.stores.tasks.list({ limit: 1 });
    expect((await database.stores.tasks.list({ limit: 5, cursor: next_cursor ?? '' })).items).toHaveLength(2);
    const { agents } = database.stores;
    await expect(agents.list({ limit: 1, cursor: next_cursor ?? '' })).rejects.toThrow(InvalidCursorError);
    await expect(agents.list({ limit: 1, cursor: '%%%' })).rejects.toThrow(InvalidCursorError);
    await expect(agents.list({ limit: 1, cursor: Buffer.from('{}').toString('base64url') })).rejects.toThrow(
      InvalidCursorError,
    );
  });

  it('filters of agents: tags of every type, parts of names with their special signs, times of heartbeats', async () => {
    const id = await fleet.online({ on: true, n: 3, s: 'text' });
    await fleet.enrol({}, { hostname: 'weird_100%_name' });
    const found = async (filter: object) =>
      (await database.stores.agents.list({ limit: 10, ...filter })).items.map((agent) => agent.id);
    for (const tag of ['on', 'on=true', 'n=3', 's=text']) expect(await found({ tag })).toEqual([id]);
    for (const tag of ['off', 'on=false', 'n=4', 's=']) expect(await found({ tag })).toEqual([]);
    expect(await found({ hostname: '100%_' })).toHaveLength(1);
    expect(await found({ hostname: '1_0' })).toEqual([]);
    const hour = (n: number) => new Date(Date.now() + n * 3_600_000).toISOString();
    expect(await found({ last_heartbeat_after: hour(-1), last_heartbeat_before: hour(1) })).toEqual([id]);
    expect(await found({ last_heartbeat_before: hour(-1) })).toEqual([]);
  });
});
