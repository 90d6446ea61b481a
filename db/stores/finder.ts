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
  if (only === undefined || (finders.length === 1 && isOrdered(only))) return only;
  const guesses = await guess(pool, finders);
  const rowsOf = (finder: Finder) => guesses.get(finder) ?? Number.POSITIVE_INFINITY;
  return finders
    .filter((finder) => isOrdered(finder) || rowsOf(finder) <= SEARCHED)
    .reduce<Finder | undefined>(
      (least, one) => (least === undefined || rowsOf(one) < rowsOf(least) ? one : least),
      undefined,
    );
}

const isOrdered = (finder: Finder): finder is OrderedFinder => 'columns' in finder;

type Guess = readonly [Finder, number];

/** What was guessed of finders, for as long as somebody turns pages: statistics change more slowly than that. */
const kept = new WeakMap<Pool, LRUCache<string, number>>();
const KEPT = { max: 1_000, ttl: 30_000 };

/** How many rows each of them finds. */
async function guess(pool: Pool, finders: readonly Finder[]): Promise<ReadonlyMap<Finder, number>> {
  const known = kept.get(pool) ?? new LRUCache<string, number>(KEPT);
  kept.set(pool, known);
  const guesses = new Map<Finder, number>();
  for (const finder of finders) {
    const rows = known.get(JSON.stringify(finder));
    if (rows !== undefined) guesses.set(finder, rows);
  }
  const asked = finders.filter((finder) => !guesses.has(finder));
  const answers = await Promise.all([
    expected(pool, asked.filter(isOrdered)),
    ...asked.map((finder) => (isOrdered(finder) ? [] : counted(pool, finder))),
  ]);
  for (const [finder, rows] of answers.flat()) {
    guesses.set(finder, rows);
    known.set(JSON.stringify(finder), rows);
  }
  return guesses;
}

interface PlanNode {
  readonly 'Plan Rows': number;
  readonly 'Subplan Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

/** How many rows Postgres' planner, which has statistics of all columns, expects of each; asked at once. */
async function expected(pool: Pool, finders: readonly OrderedFinder[]): Promise<Guess[]> {
  if (finders.length === 0) return [];
  const statement = new Statement();
  const parts = finders.map(
    (finder, n) =>
      `f${n} AS MATERIALIZED (SELECT FROM ${finder.rows} r WHERE ${conditionOf(finder, statement)})`,
  );
  const { rows } = await pool.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
    `EXPLAIN (FORMAT JSON) WITH ${parts.join(', ')} SELECT ${finders.map((_, n) => `(SELECT count(*) FROM f${n})`).join(', ')}`,
    statement.values,
  );
  const nodes = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodes)];
  const plan = rows.flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan }) => nodes(Plan)));
  return finders.flatMap((finder, n) =>
    plan
      .filter((node) => node['Subplan Name'] === `CTE f${n}`)
      .map((node): Guess => [finder, node['Plan Rows']]),
  );
}

/** How many rows there are, if not more than a search may find. */
async function counted(pool: Pool, finder: Search): Promise<Guess[]> {
  const statement = new Statement();
  const { rows } = await pool.query<{ found: number }>(
    `SELECT count(*) AS found FROM (
       SELECT FROM ${finder.rows} r WHERE ${conditionOf(finder, statement)} LIMIT ${SEARCHED + 1}) few`,
    statement.values,
  );
  return rows.map(({ found }): Guess => [finder, found]);
}
