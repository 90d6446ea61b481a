import { World } from '../api/support/world.ts';
import { Fleet } from '../db/support/fleet.ts';
import { Trouble } from '../db/support/incidents.ts';
import { Reader } from './support/reader.ts';

describe('Lists of the console', () => {
  let world: World;
  let fleet: Fleet;
  let admin: Reader;

  beforeAll(async () => {
    world = await World.start();
    fleet = new Fleet(world.api.database);
    admin = await Reader.logIn(world, 'admin');
  });
  afterAll(() => world?.dispose());

  const sql = (text: string, values: unknown[] = []) => world.api.database.pool.query(text, values);
  /** The path of the next page of the list at an anchor. */
  const nextOf = (html: string, anchor: string): string =>
    new RegExp(`rel="next" href="([^"]*#${anchor})"`).exec(html)?.[1]?.replaceAll('&amp;', '&') ?? '';
  const follow = async (html: string, anchor: string) => {
    const next = nextOf(html, anchor);
    expect(next).not.toBe('');
    return (await admin.get(next)).html;
  };

  it('go on where tokens are many, each list by itself', async () => {
    for (let n = 0; n < 51; n += 1) {
      await world.key({ name: `enrolment ${n}.` });
      const body = { name: `operator ${n}.`, scopes: ['viewer'] };
      await world.operator('/api/v1/operator-tokens', { body });
    }
    const first = (await admin.get('/console/settings')).html;
    expect([first.includes('enrolment 0.'), first.includes('operator 0.')]).toEqual([false, false]);
    const enrolment = await follow(first, 'enrolment');
    expect([enrolment.includes('enrolment 0.'), enrolment.includes('operator 0.')]).toEqual([true, false]);
    const both = await follow(enrolment, 'operators');
    expect([both.includes('enrolment 0.'), both.includes('operator 0.')]).toEqual([true, true]);
    expect(both).toContain('First page');
  });

  it('name a token that is to be revoked however many came after it', async () => {
    const { rows } = await sql(`SELECT id FROM enrolment_token WHERE name = 'enrolment 0.'`);
    const { html } = await admin.get(`/console/settings/enrolment-tokens/${rows[0].id}/revoke`);
    for (const words of [
      'Revoke the enrolment token enrolment 0.?',
      'was used 0 times',
      'keep their certificates',
    ])
      expect(html).toContain(words);
  });

  it('show every occurrence of an incident, every device of its remedy, and every question', async () => {
    const trouble = new Trouble(fleet);
    const { id } = await trouble.waiting(21);
    const path = `/console/incidents/${id}`;
    await sql(
      `INSERT INTO incident_call (id, incident_id, analysis, record)
       SELECT uuid7(), incident_id, analysis, record FROM incident_call, generate_series(1, 20) WHERE incident_id = $1`,
      [id],
    );
    await sql(
      `UPDATE incident_call SET record = record || '{"input_tokens": 1200, "output_tokens": 30, "redactions": {"ip_address": 2},
         "raw_answer": "{\\"it\\": \\"said <this>\\"}", "cached": true}' WHERE incident_id = $1`,
      [id],
    );
    const waiting = (await admin.get(path)).html;
    for (const words of [
      '21 failures.',
      'the model’s own word 90 %, agreement with the rules 100 %',
      'Questions in all: 42, of them from the cache: 42. Tokens: 50,400 in, 1,260 out.',
      '1,200 in, 30 out',
      '2 × ip address',
      'said &lt;this&gt;',
      'answered (cached)',
    ])
      expect(waiting).toContain(words);
    expect(waiting).not.toContain('Devices and their remedies');
    const { suggestions } = await trouble.show(id);
    const form = { suggestion_id: suggestions[0]?.id ?? '', no_retry: 'true' };
    expect((await admin.post(`${path}/approve`, form)).location).toBe(path);
    const remedied = (await admin.get(path)).html;
    for (const words of ['not done again', 'Devices and their remedies', '21 waiting'])
      expect(remedied).toContain(words);
    let html = remedied;
    for (const [index, list] of ['occurrences', 'remedies', 'calls'].entries()) {
      html = await follow(html, list);
      // The lists that were turned before stay where they are.
      expect(html.match(/First page/g)).toHaveLength(index + 1);
    }
    // One of all goes first, on whichever page it is.
    expect(`${remedied}${html}`.match(/<strong>first<\/strong>/g)).toHaveLength(1);
    // The failure that was the first stands at the end of its list.
    const oldest = (await world.operator(`/api/v1/incidents/${id}/occurrences?limit=500`)).body['items'];
    expect(html).toContain((oldest as { task_id: string }[]).at(-1)?.task_id);
  });

  it('does the failed tasks again unless the approver says otherwise', async () => {
    const trouble = new Trouble(fleet);
    const { id } = await trouble.waiting(1);
    const { suggestions } = await trouble.show(id);
    await admin.post(`/console/incidents/${id}/approve`, {
      suggestion_id: suggestions[0]?.id ?? '',
      note: 'so',
    });
    expect(await trouble.show(id)).toMatchObject({ retry_failed_tasks: true, decision_note: 'so' });
    expect((await admin.get(`/console/incidents/${id}`)).html).toContain('done again after the remedy');
  });

  it('name who went offline however much else the fleet does', async () => {
    const lost = await fleet.enrol({}, { hostname: 'lost-in-the-crowd' });
    const statusEvent = `INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after)
      SELECT uuid7(), now(), 'system', 'x', 'agent.status', 'change', 'agent', $1, NULL, jsonb_build_object('status', $2::text)
      FROM generate_series(1, $3)`;
    await sql(statusEvent, [lost, 'OFFLINE', 1]);
    await sql(statusEvent, [await fleet.online(), 'ONLINE', 300]);
    const { html } = await admin.get('/console');
    expect(html.split('Agents that went offline lately').at(-1)).toContain('lost-in-the-crowd');
  });
});
