import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import { type Sql, Statement } from './statement.ts';

/** By an index on `columns` and the id, which gives rows newest first for any one value of each column. */
export interface OrderedFinder {
  /** Table or subselect whose rows `r` have the `id` of a row of the list, and the columns. */
  readonly rows: string;
  readonly columns: readonly string[];
  /** The values that rows may have, one for each column; several are merged. */
  readonly anyOf: readonly (readonly Sql[])[];
}

/** By an index that gives rows in another order, or one row several times: of use while they are few. */
export interface Search {
  readonly rows: string;
  readonly condition: Sql;
}

/** A way to the rows of a list by an index. */
export type Finder = OrderedFinder | Search;

/** Rows that a search may find: all their ids are read and sorted. */
const SEARCHED = 5_000;

/** The condition on rows `r` that a finder goes by. */
export function conditionOf(finder: Finder, statement: Statement): string {
  if ('condition' in finder) return statement.add(finder.condition);
  const { columns, anyOf } = finder;
  const one = (values: readonly Sql[]) =>
    values.map((value, n) => `r.${columns[n]} = ${statement.add(value)}`).join(' AND ');
  return `(${anyOf.map(one).join(' OR ')})`;
}

/** The finder that leaves the fewest rows; undefined when none is of use. */
export async function bestFinder(pool: Pool, finders: readonly Finder[]): Promise<Finder | undefined> {
  const [only] = finders;
  // Without a choice there is nothing to ask.
  if (only === undefined || (finders.length === 1 && 'columns' in only)) return only;
  const guesses = await Promise.all(
    finders.map(async (finder) => ({ finder, rows: await guess(pool, finder) })),
  );
  return guesses
    .filter(({ finder, rows }) => 'columns' in finder || rows <= SEARCHED)
    .reduce<(typeof guesses)[number] | undefined>(
      (least, one) => (least === undefined || one.rows < least.rows ? one : least),
      undefined,
    )?.finder;
}

/** What was guessed of finders, for as long as somebody turns pages: statistics change more slowly than that. */
const guesses = new WeakMap<Pool, LRUCache<string, number, { readonly finder: Finder }>>();
const KEPT = { max: 1_000, ttl: 30_000 };

async function guess(pool: Pool, finder: Finder): Promise<number> {
  let kept = guesses.get(pool);
  if (kept === undefined) {
    kept = new LRUCache({
      ...KEPT,
      fetchMethod: (_, __, { context: { finder } }) =>
        'columns' in finder ? expected(pool, finder) : counted(pool, finder),
    });
    guesses.set(pool, kept);
  }
  const rows = await kept.fetch(JSON.stringify(finder), { context: { finder } });
  return rows ?? Number.POSITIVE_INFINITY;
}

/** How many rows Postgres' planner, which has statistics of all columns, expects to fit. */
async function expected(pool: Pool, finder: OrderedFinder): Promise<number> {
  const statement = new Statement();
  const { rows } = await pool.query<{ 'QUERY PLAN': { Plan: { 'Plan Rows': number } }[] }>(
    `EXPLAIN (FORMAT JSON) SELECT FROM ${finder.rows} r WHERE ${conditionOf(finder, statement)}`,
    statement.values,
  );
  return rows[0]?.['QUERY PLAN'][0]?.Plan['Plan Rows'] ?? Number.POSITIVE_INFINITY;
}

/** How many rows there are, if not more than a search may find. */
async function counted(pool: Pool, finder: Search): Promise<number> {
  const statement = new Statement();
  const { rows } = await pool.query<{ found: number }>(
    `SELECT count(*) AS found FROM (
       SELECT FROM ${finder.rows} r WHERE ${conditionOf(finder, statement)} LIMIT ${SEARCHED + 1}) few`,
    statement.values,
  );
  return rows[0]?.found ?? Number.POSITIVE_INFINITY;
}
