import type { Finder, OrderedFinder, Search } from './finder.ts';
import { type Sql, type Statement, where } from './statement.ts';

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
  const [alone, ...others] = finder.anyOf;
  const order = [...finder.columns, 'id'].map((column) => `r.${column} DESC`).join(', ');
  const along = (values: readonly Sql[]) => {
    const from = `FROM ${finder.rows} r ${where(span(finder, values, bounds, statement))} ORDER BY ${order}`;
    return (columns: string, limit: number, offset = 0) =>
      `SELECT ${columns} ${from} LIMIT ${limit} OFFSET ${offset}`;
  };
  if (alone !== undefined && others.length === 0 && finder.rows === table) {
    const some = along(alone);
    return { rows: some('r.*', most), order, end: some('r.id', 1, most - 1) };
  }
  const ids = finder.anyOf.map((values) => `(${along(values)('r.id', most)})`);
  return byIds(ids.join(' UNION ALL '), table, most);
}

/** Conditions on the columns of an index as one stretch of it. */
function span(
  { columns }: OrderedFinder,
  values: readonly Sql[],
  { from, below }: Bounds,
  statement: Statement,
): string[] {
  const columnsOf = columns.map((column) => `r.${column}`);
  const parameters = statement.all(values);
  const compare = (operator: string, id?: string): string[] => {
    const left = [...columnsOf, ...(id === undefined ? [] : ['r.id'])];
    const right = [...parameters, ...(id === undefined ? [] : [statement.add({ sql: ':value', value: id })])];
    return left.length === 0 ? [] : [`(${left.join(', ')}) ${operator} (${right.join(', ')})`];
  };
  return [...compare('>=', from), ...(below === undefined ? compare('<=') : compare('<', below))];
}

/** Ids of all that fits, which is few; OFFSET 0 keeps the planner from walking the key for them instead. */
const searched = (search: Search, bounds: Bounds, statement: Statement): string =>
  `SELECT DISTINCT r.id FROM (
     SELECT r.id FROM ${search.rows} r WHERE ${statement.add(search.condition)} OFFSET 0) r
   ${where(span({ rows: '', columns: [], anyOf: [] }, [], bounds, statement))}`;

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
