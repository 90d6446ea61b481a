import { World } from '../api/support/world.ts';
import { Fleet } from '../db/support/fleet.ts';
import { statementsOf } from '../db/support/statements.ts';
import { Reader } from './support/reader.ts';

const NEW = '/console/agents/tasks/new';
const MAKE = '/console/agents/tasks';
const OFFER = 'Task for all that fit this filter';

describe('A task for all agents that fit a filter', () => {
  let world: World;
  let fleet: Fleet;
  let operator: Reader;
  let viewer: Reader;

  beforeAll(async () => {
    world = await World.start();
    fleet = new Fleet(world.api.database);
    [operator, viewer] = await Promise.all([Reader.logIn(world, 'operator'), Reader.logIn(world, 'viewer')]);
  });
  afterAll(() => world?.dispose());

  const sql = (text: string, values: unknown[] = []) => world.api.database.pool.query(text, values);
  const tasks = async (): Promise<number> => {
    const { rows } = await sql('SELECT count(*)::int AS count FROM agent_task');
    return rows[0].count;
  };
  /** Agents of a wave, one more than a page holds and one that is revoked. */
  const wave = async (name: string, size = 51): Promise<void> => {
    for (let n = 0; n <= size; n += 1) await fleet.enrol({ wave: name });
    await sql(
      `UPDATE agent SET revoked_at = now() WHERE id = (SELECT id FROM agent WHERE tags->>'wave' = $1 LIMIT 1)`,
      [name],
    );
  };

  it('is offered beside a filtered list, to those who may give tasks', async () => {
    await fleet.enrol({ site: 'zurich' });
    const filtered = '/console/agents?tag=site%3Dzurich&platform=linux';
    expect((await operator.get('/console/agents')).html).not.toContain(OFFER);
    expect((await operator.get('/console/agents?tag=nowhere')).html).not.toContain(OFFER);
    expect((await viewer.get(filtered)).html).not.toContain(OFFER);
    const { html } = await operator.get(filtered);
    expect(html).toContain(OFFER);
    const [, filter = ''] = /name="filter" value="([^"]*)"/.exec(html) ?? [];
    const asked = await operator.post(NEW, { filter: filter.replaceAll('&amp;', '&') });
    for (const words of [
      'For <strong>the one agent that fits</strong>',
      'tag is <strong>site=zurich</strong>',
      'platform is <strong>linux</strong>',
      'Create the task',
    ])
      expect(asked.html).toContain(words);
    expect((await viewer.post(NEW, { filter })).status).toBe(403);
  });

  it('says how many there are, by which filter, and reaches those of all pages', async () => {
    await wave('first');
    const asked = await operator.post(NEW, { filter: 'tag=wave%3Dfirst' });
    for (const words of ['For <strong>all 51 agents that fit</strong>', 'Create 51 tasks'])
      expect(asked.html).toContain(words);
    expect(await tasks()).toBe(0);
    const form = { filter: 'tag=wave%3Dfirst', count: '51', task_type: 'COLLECT' };
    const made = await operator.post(MAKE, form);
    expect(made.location).toContain('created=51');
    const { rows } = await sql(
      `SELECT count(DISTINCT t.agent_id)::int AS agents FROM agent_task t JOIN agent a ON a.id = t.agent_id
       WHERE a.tags->>'wave' = 'first' AND a.revoked_at IS NULL`,
    );
    expect(rows[0].agents).toBe(51);
    expect(await tasks()).toBe(51);
  });

  it('asks anew when far more fit by then, or none', async () => {
    await wave('second', 2);
    const before = await tasks();
    const form = {
      filter: 'tag=wave%3Dsecond',
      count: '1',
      task_type: 'COLLECT',
      payload: '{"collect": ["system"]}',
    };
    const moved = await operator.post(MAKE, form);
    expect(moved.status).toBe(409);
    for (const words of [
      'The number of agents that fit has changed too much.',
      'all 2 agents that fit',
      'name="count" value="2"',
      '{&quot;collect&quot;: [&quot;system&quot;]}',
    ])
      expect(moved.html).toContain(words);
    expect((await operator.post(MAKE, { ...form, count: '' })).status).toBe(409);
    expect(await tasks()).toBe(before);
    // Fewer than were named are no reason to ask.
    expect((await operator.post(MAKE, { ...form, count: '3' })).location).toContain('created=2');
  });

  it('keeps what was written when nobody fits any more, until somebody does', async () => {
    const before = await tasks();
    const form = {
      filter: 'tag=wave%3Dlater',
      count: '2',
      task_type: 'REMEDIATE',
      payload: '{"script": "long in the writing"}',
    };
    const none = await operator.post(MAKE, form);
    expect(none.status).toBe(409);
    for (const words of [
      'No agent fitted the filter any more.',
      'No agent that is not revoked fits this filter now.',
      'long in the writing',
      'name="count" value="0"',
      'Count again',
    ])
      expect(none.html).toContain(words);
    await wave('later', 1);
    const counted = await operator.post(MAKE, { ...form, count: '0' });
    expect(counted.status).toBe(409);
    for (const words of ['the one agent that fits', 'name="count" value="1"', 'long in the writing'])
      expect(counted.html).toContain(words);
    expect(await tasks()).toBe(before);
    expect((await operator.post(MAKE, { ...form, count: '1' })).location).toContain('created=1');
  });

  it('leaves it to the API, and to one request, whether too many fit', async () => {
    await wave('fifth', 3);
    const before = await tasks();
    const form = { filter: 'tag=wave%3Dfifth', count: '3', task_type: 'COLLECT' };
    // Whoever counted first and created then would have missed those that come in between.
    const asked = await statementsOf(async () => {
      expect((await operator.post(MAKE, form)).location).toContain('created=3');
    });
    expect(asked.filter((text) => /FROM agent r WHERE/.test(text))).toHaveLength(1);
    expect(await tasks()).toBe(before + 3);
  });

  it('keeps what was written when the task is refused, and creates nothing', async () => {
    await wave('third', 1);
    const before = await tasks();
    const wrong = await operator.post(MAKE, {
      filter: 'tag=wave%3Dthird',
      count: '1',
      task_type: 'COLLECT',
      payload: '{"collect": ["money"]}',
    });
    expect(wrong.status).toBe(422);
    for (const words of ['validation-failed', 'the one agent that fits', 'money', 'value="tag=wave%3Dthird"'])
      expect(wrong.html).toContain(words);
    expect(await tasks()).toBe(before);
  });

  it('is for nobody where nobody fits, and not for a fleet without a filter', async () => {
    const none = await operator.post(NEW, { filter: 'hostname=nowhere' });
    expect(none.html).toContain('No agent that is not revoked fits the filter.');
    expect(none.html).toContain('href="/console/agents?hostname=nowhere"');
    for (const filter of ['', 'cursor=x', 'platform=amiga']) {
      const refused = await operator.post(NEW, { filter });
      expect([filter, refused.status, refused.html.includes('validation-failed')]).toEqual([
        filter,
        422,
        true,
      ]);
    }
  });

  it('is refused for more agents than one request may give a task to', async () => {
    await sql(
      `INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
         presence_shard, first_seen_at, tags, metadata, created_at, updated_at)
       SELECT uuid7(), 'many:' || n, 'many-' || n, 'many', 'windows', '', '1', 'UNKNOWN', 0, now(), '{}', '{}', now(), now()
       FROM generate_series(1, 10001) n`,
    );
    const refused = await operator.post(NEW, { filter: 'platform=windows' });
    expect(refused.status).toBe(422);
    expect(refused.html).toContain('Narrow the selection');
    const form = {
      filter: 'platform=windows',
      count: '10000',
      task_type: 'COLLECT',
      payload: '{"a": "mine"}',
    };
    const grown = await operator.post(MAKE, form);
    expect(grown.status).toBe(422);
    for (const words of ['Narrow the selection', '&quot;mine&quot;']) expect(grown.html).toContain(words);
  });

  it('shows a hostile filter as text', async () => {
    const filter = new URLSearchParams({ hostname: '"><img src=x>' }).toString();
    await fleet.enrol({}, { hostname: 'a"><img src=x>' });
    const { html } = await operator.post(NEW, { filter });
    expect(html).toContain('hostname holds <strong>&quot;&gt;&lt;img src=x&gt;</strong>');
    expect(html).not.toContain('<img');
  });
});
