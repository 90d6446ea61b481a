import { agentListQuery, agentPatchSchema } from '../../../contracts/agent/agent.ts';
import { agentCertificateListQuery } from '../../../contracts/agent/certificate.ts';
import { telemetryListQuery } from '../../../contracts/telemetry/telemetry.ts';
import { FakePlatform, pageWith, refuse } from './support/platform.ts';
import { AGENT_ID, anAgent, aTelemetryRecord } from './support/samples.ts';
import { eucora } from './support/session.ts';

let platform: FakePlatform;
beforeAll(async () => {
  platform = await FakePlatform.start();
});
beforeEach(() => platform.reset());
afterAll(() => platform.stop());

describe('agents list', () => {
  it('shows a table with whole ids and ages', async () => {
    platform.list('/agents', agentListQuery, pageWith([anAgent()]));
    const { code, stdout, stderr } = await eucora(platform, 'agents list');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n')[0]).toMatch(/^ID +HOSTNAME +STATUS +PLATFORM +AGENT +HEARTBEAT +TAGS$/);
    expect(stdout).toContain(AGENT_ID);
    expect(stdout).toMatch(
      /desk-1 +ONLINE +linux Debian 12 +1\.2\.0 +3 min ago +critical=true site=zurich\n/,
    );
  });

  it('shows times with --utc', async () => {
    platform.list('/agents', agentListQuery, pageWith([anAgent()]));
    const { stdout } = await eucora(platform, 'agents list --utc');
    expect(stdout).toContain('2026-11-22 07:57:00Z');
  });

  it('hands every filter on', async () => {
    platform.list('/agents', agentListQuery, pageWith([]));
    const { code, stdout, stderr } = await eucora(
      platform,
      'agents list --platform LINUX --status online --online --tag site=zurich --hostname desk --agent-version 1.2.0 ' +
        '--cloned-from 01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01 --heartbeat-after 2h --heartbeat-before 2026-11-22 --limit 7 --cursor abc',
    );
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: 'No agents.\n' });
    expect(platform.seen[0]?.query).toEqual({
      platform: 'linux',
      status: 'ONLINE',
      is_online: 'true',
      tag: 'site=zurich',
      hostname: 'desk',
      agent_version: '1.2.0',
      cloned_from: '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01',
      last_heartbeat_after: '2026-11-22T06:00:00.000Z',
      last_heartbeat_before: '2026-11-22T00:00:00.000Z',
      limit: '7',
      cursor: 'abc',
    });
  });

  it('asks for those that are not heard, and not for both', async () => {
    platform.list('/agents', agentListQuery, pageWith([]));
    await eucora(platform, 'agents list --offline');
    expect(platform.seen[0]?.query).toEqual({ is_online: 'false', limit: '50' });
    const both = await eucora(platform, 'agents list --offline --online');
    expect(both.code).toBe(2);
  });

  it('reads all pages with --all', async () => {
    platform.list('/agents', agentListQuery, ({ query }) =>
      query['cursor'] === undefined
        ? pageWith([anAgent()], 'second')
        : pageWith([anAgent({ hostname: 'b' })]),
    );
    const { json } = await eucora(platform, 'agents list --all --json');
    expect(json()).toEqual({ items: [anAgent(), anAgent({ hostname: 'b' })], next_cursor: null });
    expect(platform.seen.map(({ query }) => query)).toEqual([
      { limit: '500' },
      { limit: '500', cursor: 'second' },
    ]);
  });

  it('reads no more pages than the limit needs, and says that there are more', async () => {
    platform.list('/agents', agentListQuery, ({ query }) =>
      pageWith(
        Array.from({ length: Number(query['limit']) }, () => anAgent()),
        'more',
      ),
    );
    const { stdout, stderr } = await eucora(platform, 'agents list --limit 600');
    expect(platform.seen.map(({ query }) => query['limit'])).toEqual(['500', '100']);
    expect(stdout.trimEnd().split('\n')).toHaveLength(601);
    expect(stderr).toBe('There are more: --limit COUNT or --all shows them.\n');
  });

  it('never lets the words of an agent reach the terminal as controls', async () => {
    const hostname = 'evil\u001b[2J\u202e\n\u009b31m';
    platform.list('/agents', agentListQuery, pageWith([anAgent({ hostname })]));
    const people = await eucora(platform, 'agents list', { tty: true, env: { NO_COLOR: '1' } });
    expect(people.stdout).toContain('evil\\u001b[2J\\u202e \\u009b31m');
    const programs = await eucora(platform, 'agents list --json');
    expect(programs.stdout).not.toMatch(/[\u001b\u009b\u202e]/);
    expect(programs.json()).toMatchObject({ items: [{ hostname }] });
  });

  it('colours on a terminal only', async () => {
    platform.list(
      '/agents',
      agentListQuery,
      pageWith([anAgent(), anAgent({ status: 'OFFLINE' }), anAgent({ status: 'DEGRADED' })]),
    );
    expect((await eucora(platform, 'agents list')).stdout).not.toContain('\u001b');
    expect((await eucora(platform, 'agents list', { tty: true })).stdout).toContain(
      '\u001b[32mONLINE\u001b[39m',
    );
    const dumb = await eucora(platform, 'agents list', { tty: true, env: { TERM: 'dumb' } });
    expect(dumb.stdout).not.toContain('\u001b');
  });
});

describe('agents show', () => {
  it('shows all of one agent', async () => {
    const agent = anAgent({
      status: 'UNKNOWN',
      last_heartbeat_at: null,
      revoked_at: '2026-11-22T07:59:59.500Z',
    });
    platform.on(`GET /agents/${AGENT_ID}`, { json: agent });
    platform.list(`/agents/${AGENT_ID}/certificates`, agentCertificateListQuery, pageWith([]));
    const { code, stdout } = await eucora(platform, `agents show ${AGENT_ID}`);
    expect(code).toBe(0);
    expect(stdout).not.toContain('SERIAL');
    expect(stdout).toMatch(/^STATUS +revoked$/m);
    expect(stdout).toMatch(/^HARDWARE +8 cores, -, 512 GiB$/m);
    expect(stdout).toMatch(/^REVOKED +now$/m);
    expect(stdout).toMatch(/^HEARTBEAT +-$/m);
  });

  it.each([
    ['2027-02-20T08:00:00.000Z', 'in 90 d'],
    ['2026-12-02T08:00:00.000Z', 'in 10 d (expires soon)'],
    ['2026-11-21T08:00:00.000Z', '1 d ago (expired)'],
  ])('shows its certificate, and tells when that expires soon: %s', async (not_after, told) => {
    const certificate = {
      serial: '4a01',
      fingerprint_sha256: 'ff00',
      subject: 'CN=desk-1, O=EUCORA Agents',
      not_before: '2026-08-24T08:00:00.000Z',
      not_after,
      issued_at: '2026-08-24T08:00:00.000Z',
    };
    platform.on(`GET /agents/${AGENT_ID}`, { json: anAgent() });
    platform.list(`/agents/${AGENT_ID}/certificates`, agentCertificateListQuery, pageWith([certificate]));
    const { stdout } = await eucora(platform, `agents show ${AGENT_ID}`);
    expect(stdout).toMatch(/^SERIAL +4a01$/m);
    expect(stdout).toMatch(/^CERTIFICATE +CN=desk-1, O=EUCORA Agents$/m);
    expect(/^EXPIRES +(.*)$/m.exec(stdout)?.[1]).toBe(told);
    const programs = await eucora(platform, `agents show ${AGENT_ID} --json`);
    expect(programs.json()).toMatchObject({ id: AGENT_ID, certificate });
  });

  it('refuses what is no id, without asking the platform', async () => {
    const { code, stderr } = await eucora(platform, 'agents show desk-1');
    expect(code).toBe(2);
    expect(stderr).toContain('Ids are UUIDs');
    expect(platform.seen).toEqual([]);
  });
});

describe('agents tag', () => {
  const path = `/agents/${AGENT_ID}`;

  it('keeps the tags that are not named', async () => {
    platform.on(`GET ${path}`, { json: anAgent({ tags: { site: 'zurich', old: 1, critical: true } }) });
    platform.on(`PATCH ${path}`, ({ body }) => ({ json: anAgent(agentPatchSchema.parse(JSON.parse(body))) }));
    const { code, json } = await eucora(
      platform,
      `agents tag ${AGENT_ID} site=bern=west vip critical=false ring=1.10 --remove old --remove none --json`,
    );
    expect(code).toBe(0);
    expect(platform.bodies(agentPatchSchema)).toEqual([
      { tags: { site: 'bern=west', vip: true, critical: false, ring: '1.10' } },
    ]);
    expect(json()).toMatchObject({ tags: { ring: '1.10' } });
  });

  it('prints the agent for people', async () => {
    platform.on(`GET ${path}`, { json: anAgent() });
    platform.on(`PATCH ${path}`, { json: anAgent({ tags: {} }) });
    const { stdout } = await eucora(platform, `agents tag ${AGENT_ID} --remove site`);
    expect(stdout).toMatch(/^TAGS +-$/m);
  });

  it('wants a tag, and a right one', async () => {
    expect((await eucora(platform, `agents tag ${AGENT_ID}`)).stderr).toContain('No tag is named');
    const wrong = await eucora(platform, ['agents', 'tag', AGENT_ID, 'no spaces=1']);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('Give tags as name=value');
  });
});

describe('agents revoke and delete', () => {
  const path = `/agents/${AGENT_ID}`;

  it('revokes, and shows what came of it', async () => {
    platform.on(`POST ${path}/revoke`, { json: anAgent({ revoked_at: '2026-11-22T08:00:00.000Z' }) });
    const { code, stdout } = await eucora(platform, `agents revoke ${AGENT_ID}`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^STATUS +revoked$/m);
  });

  it('tells why it was not revoked', async () => {
    platform.on(`POST ${path}/revoke`, refuse('agent-state-conflict'));
    const { code, stderr } = await eucora(platform, `agents revoke ${AGENT_ID}`);
    expect(code).toBe(1);
    expect(stderr).toContain('Code: agent-state-conflict (docs/errors/agent-state-conflict.md)');
  });

  it('deletes without a question when told so', async () => {
    platform.on(`DELETE ${path}`, { status: 204 });
    const { code, stdout } = await eucora(platform, `agents delete ${AGENT_ID} --yes`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `Deleted agent ${AGENT_ID}.\n` });
    expect((await eucora(platform, `agents delete ${AGENT_ID} --yes --json`)).json()).toEqual({
      deleted: AGENT_ID,
    });
  });

  it.each([
    [['ye', 's\nmore'], 0, 1],
    [['\n'], 1, 0],
    [[], 1, 0],
  ])('asks a person: %j gives status %i', async (stdin, code, deletions) => {
    platform.on(`GET ${path}`, { json: anAgent() });
    platform.on(`DELETE ${path}`, { status: 204 });
    const outcome = await eucora(platform, `agents delete ${AGENT_ID}`, { tty: true, stdin });
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toContain(`Delete agent ${AGENT_ID} (desk-1) for good? [y/N] `);
    expect(platform.seen.filter(({ method }) => method === 'DELETE')).toHaveLength(deletions);
  });

  it('deletes nothing when nobody can be asked', async () => {
    platform.on(`GET ${path}`, { json: anAgent() });
    const { code, stderr } = await eucora(platform, `agents delete ${AGENT_ID}`, { stdin: ['yes\n'] });
    expect(code).toBe(2);
    expect(stderr).toContain('Give --yes');
  });
});

describe('agents telemetry and software', () => {
  it('shows measurements', async () => {
    platform.list(
      `/agents/${AGENT_ID}/telemetry`,
      telemetryListQuery,
      pageWith([aTelemetryRecord, { ...aTelemetryRecord, services: null }]),
    );
    const { stdout } = await eucora(
      platform,
      `agents telemetry ${AGENT_ID} --after 1d --before 1h --with-software`,
    );
    expect(stdout).toMatch(/3 min ago +12\.3 % +- +- +cron \(failed\)/);
    expect(platform.seen[0]?.query).toMatchObject({ with_software: 'true' });
  });

  it('shows software', async () => {
    const software = [{ name: 'bash', version: '5.2', publisher: null, installed_on: '2026-01-02' }];
    platform.on(`GET /agents/${AGENT_ID}/software`, {
      json: { collected_at: '2026-11-22T07:57:00.000Z', software },
    });
    const { stdout, stderr } = await eucora(platform, `agents software ${AGENT_ID}`);
    expect(stdout).toMatch(/bash +5\.2 +- +2026-01-02/);
    expect(stderr).toBe('1 packages, collected: 3 min ago\n');
  });

  it('says that none is installed', async () => {
    platform.on(`GET /agents/${AGENT_ID}/software`, {
      json: { collected_at: '2026-11-22T07:57:00.000Z', software: [] },
    });
    const { stdout, stderr } = await eucora(platform, `agents software ${AGENT_ID}`);
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '0 packages, collected: 3 min ago\n' });
  });
});
