import type { Tags } from '../../contracts/agent/agent.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { fc } from '../harness/properties.ts';
import { Fleet, OPERATOR } from './support/fleet.ts';

let database: TestDatabase;
let fleet: Fleet;

beforeAll(async () => {
  database = await createTestDatabase();
  fleet = new Fleet(database);
});
afterAll(() => database?.dispose());

/** Few letters, so that parts are found at several places and in many hostnames; some that LIKE or lower() know. */
const letter = fc.constantFrom('a', 'b', 'B', '-', '0', '1', '%', '_', '\\', 'É', '日', '😀', '#', ' ');
const hostname = fc.string({ unit: letter, minLength: 1, maxLength: 14 });
const tagName = fc.constantFrom('a', 'ab', 'ring', 'x/y', 'tags.a');
const tagValue = fc.oneof(
  fc.constantFrom<string | number | boolean>(5, 5.5, -0, 1e21, 1e-7, 1_000, true, false, 'true', '5', '1e3'),
  fc.constantFrom('a', 'a=b', '"', '\\', '', 'É', '😀'),
);
const tags = fc.dictionary(tagName, tagValue, { maxKeys: 3 }) as fc.Arbitrary<Tags>;
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('enrol' as const), hostname, tags }) },
  fc.record({ what: fc.constant('rename' as const), n: fc.nat(), hostname }),
  fc.record({ what: fc.constant('tag' as const), n: fc.nat(), tags }),
  fc.record({ what: fc.constant('delete' as const), n: fc.nat() }),
);

type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

const machines: string[] = [];

async function take(one: Step): Promise<void> {
  if (one.what === 'enrol') {
    machines.push(await fleet.enrol(one.tags, { hostname: one.hostname }));
    return;
  }
  const [id] = machines.splice(one.n % Math.max(1, machines.length), 1);
  if (id === undefined) return;
  if (one.what === 'delete') await database.stores.agents.delete(id, OPERATOR, 'test');
  else machines.push(id);
  if (one.what === 'tag') await database.stores.agents.setTags(id, one.tags, OPERATOR, 'test');
  if (one.what === 'rename')
    await database.pool.query('UPDATE agent SET hostname = $2 WHERE id = $1', [id, one.hostname]);
}

/** Terms that are missing or too many. */
async function wrongTerms(): Promise<unknown[]> {
  const { rows } = await database.pool.query(
    `WITH expected AS (SELECT term, id FROM agent, agent_terms(hostname, tags) term)
     (SELECT 'missing', * FROM (SELECT * FROM expected EXCEPT ALL SELECT * FROM agent_term) m)
     UNION ALL (SELECT 'too many', * FROM (SELECT * FROM agent_term EXCEPT ALL SELECT * FROM expected) t)`,
  );
  return rows;
}

/** Ids on all pages of a list. */
async function listed(filter: { hostname?: string; tag?: string }, limit: number): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await database.stores.agents.list({ ...filter, limit, cursor });
    ids.push(...page.items.map((agent) => agent.id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return ids;
}

async function fitting(condition: string, value: unknown): Promise<string[]> {
  const { rows } = await database.pool.query<{ id: string }>(
    `SELECT id FROM agent r WHERE ${condition} ORDER BY id DESC`,
    [value],
  );
  return rows.map((row) => row.id);
}

it('terms are those of the agents, and lists by them what plain SQL finds, whatever happened', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 30 }),
      fc.array(
        fc.tuple(fc.string({ unit: letter, minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 7 })),
        {
          minLength: 8,
          maxLength: 8,
        },
      ),
      async (steps, parts) => {
        for (const one of steps) await take(one);
        expect(await wrongTerms()).toEqual([]);
        for (const [part, limit] of parts)
          expect(await listed({ hostname: part }, limit)).toEqual(
            await fitting('strpos(lower(hostname), lower($1)) > 0', part),
          );
        for (const name of ['a', 'ab', 'ring', 'x/y', 'tags.a', 'nowhere']) {
          expect(await listed({ tag: name }, 3)).toEqual(await fitting('tags ? $1', name));
          for (const [value, readings] of Object.entries(READINGS))
            expect(await listed({ tag: `${name}=${value}` }, 5)).toEqual(
              await fitting(
                'tags @> ANY($1::jsonb[])',
                readings.map((reading) => JSON.stringify({ [name]: reading })),
              ),
            );
        }
      },
    ),
    { numRuns: 10 },
  );
}, 180_000);

/** What a value in a URL may mean. */
const READINGS: Readonly<Record<string, readonly unknown[]>> = {
  5: ['5', 5],
  '5.0': ['5.0', 5],
  '-0': ['-0', 0],
  '1e3': ['1e3', 1_000],
  '1e21': ['1e21', 1e21],
  '0.0000001': ['0.0000001', 1e-7],
  true: ['true', true],
  'a=b': ['a=b'],
  '"': ['"'],
  '\\': ['\\'],
  '': [''],
  É: ['É'],
  '😀': ['😀'],
};

it('no part of a hostname is the beginning of a tag’s term', async () => {
  await fleet.enrol({ tags: 'tags', site: true }, { hostname: 'nowhere' });
  const { rows } = await database.pool.query(
    `SELECT FROM agent_term WHERE term LIKE 'tag%' OR term LIKE 'sit%'`,
  );
  expect(rows).toEqual([]);
});

it('a term that was left over keeps nobody from being tagged', async () => {
  const id = await fleet.enrol({ a: 'first' }, { hostname: 'left-over' });
  await database.pool.query(`INSERT INTO agent_term SELECT agent_tag_term('a', '"second"'), $1`, [id]);
  await database.stores.agents.setTags(id, { a: 'second' }, OPERATOR, 'test');
  expect(await wrongTerms()).toEqual([]);
});

it('collecting them anew mends what happened while triggers were off', async () => {
  await database.pool.query('ALTER TABLE agent DISABLE TRIGGER USER');
  await fleet.enrol({ late: true }, { hostname: 'behind-the-back' });
  await database.pool.query('ALTER TABLE agent ENABLE TRIGGER USER');
  expect(await wrongTerms()).not.toEqual([]);
  await database.pool.query('SELECT collect_agent_terms()');
  expect(await wrongTerms()).toEqual([]);
});

it('a change of status writes no terms', async () => {
  await fleet.online({ quiet: true });
  const before = await versions();
  await database.pool.query(`UPDATE agent SET status = 'OFFLINE', updated_at = now()`);
  await database.pool.query('UPDATE agent SET hostname = hostname, tags = tags');
  expect(await versions()).toEqual(before);
  await database.pool.query(`UPDATE agent SET hostname = hostname || 'x'`);
  expect(await versions()).not.toEqual(before);
});

/** Each row of the table with the transaction that wrote it. */
async function versions(): Promise<unknown[]> {
  const { rows } = await database.pool.query('SELECT xmin::text, ctid::text FROM agent_term ORDER BY 1, 2');
  return rows;
}
