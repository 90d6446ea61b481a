import type { Finder, Search } from './finder.ts';
import { type Statement, where } from './statement.ts';

/** Ids between which rows lie. */
export interface Bounds {
  readonly from?: string | undefined;
  /** Not itself. */
  readonly below?: string | undefined;
}

/** Rows of a list as a finder gives them. */
export interface Walk {
  /** SELECT of at most so many of them, newest first. */
  readonly rows: string;
  /** By which they come in this order without being sorted. */
  readonly order: string;
  /** SELECT of the id of the last of them; nothing when there are fewer. */
  readonly end: string;
}

/**
 * How to walk from the newest row of a list to the oldest. A walk by one value goes along its index whatever the
 * statistics say of it: as an equation, Postgres may read the table in the order of its key instead, until it has found
 * as many as it was told to expect, which is for ever when there are none.
 */
export function walk(
  finder: Finder,
  table: string,
  bounds: Bounds,
  most: number,
  statement: Statement,
): Walk {
  if (!('columns' in finder)) return byIds(searched(finder, bounds, statement), table, most);
  const { rows, columns, anyOf } = finder;
  const order = [...columns, 'id'].map((column) => `r.${column} DESC`).join(', ');
  const along = (values: readonly string[]) => {
    const from = `FROM ${rows} r ${where(span(columns, values, bounds, statement))} ORDER BY ${order}`;
    return (some: string, limit: number, offset = 0) =>
      `SELECT ${some} ${from} LIMIT ${limit} OFFSET ${offset}`;
  };
  const wanted = anyOf.map((values) => statement.all(values));
  const [alone = []] = wanted;
  if (wanted.length === 1 && rows === table) {
    const some = along(alone);
    return { rows: some('r.*', most), order, end: some('r.id', 1, most - 1) };
  }
  // Once for each of the values, which Postgres plans once.
  const values = wanted.map((some) => `(${some.join(', ')})`).join(', ');
  const names = columns.map((_, n) => `v${n}`);
  const ids = `SELECT one.id FROM (VALUES ${values}) given(${names.join(', ')})
    CROSS JOIN LATERAL (${along(names.map((name) => `given.${name}`))('r.id', most)}) one`;
  return byIds(ids, table, most);
}

/** Conditions on the columns of an index, and the id, as one stretch of it. */
function span(
  columns: readonly string[],
  values: readonly string[],
  { from, below }: Bounds,
  statement: Statement,
): string[] {
  const compare = (operator: string, id?: string): string[] => {
    const left = [...columns, ...(id === undefined ? [] : ['id'])].map((column) => `r.${column}`);
    const right = [...values, ...(id === undefined ? [] : [statement.add({ sql: ':value', value: id })])];
    return left.length === 0 ? [] : [`(${left.join(', ')}) ${operator} (${right.join(', ')})`];
  };
  return [...compare('>=', from), ...(below === undefined ? compare('<=') : compare('<', below))];
}

/** Ids of all that fits, which is few; OFFSET 0 keeps the planner from walking the key for them instead. */
const searched = (search: Search, bounds: Bounds, statement: Statement): string =>
  `SELECT DISTINCT r.id FROM (
     SELECT r.id FROM ${search.rows} r WHERE ${statement.add(search.condition)} OFFSET 0) r
   ${where(span([], [], bounds, statement))}`;

/** Each row is fetched by its id, and not before it is needed. */
function byIds(ids: string, table: string, most: number): Walk {
  const some = (limit: number, offset = 0) =>
    `SELECT r.id FROM (${ids}) r ORDER BY r.id DESC LIMIT ${limit} OFFSET ${offset}`;
  return {
    rows: `SELECT found.id AS found, r.* FROM (${some(most)}) found
      CROSS JOIN LATERAL (SELECT * FROM ${table} r WHERE r.id = found.id OFFSET 0) r`,
    order: 'r.found DESC',
    end: some(1, most - 1),
  };
}
