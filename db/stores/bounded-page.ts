import type { Pool, QueryResultRow } from 'pg';
import type { Page } from '../../contracts/http/common.ts';
import { decodeCursor, encodeCursor, UUID_KEY } from './keyset.ts';

/** A condition on the rows `r` of a list, with `:value` in the place of its value. */
export interface Filter {
  readonly sql: string;
  readonly value?: unknown;
  /**
   * How rows that fit are found. `key`: it bounds the ids. `ordered`: by an index that gives them newest first, one for
   * each of `alternatives` when the condition allows several values. `searched`: by an index without order. Otherwise
   * only by looking at rows.
   */
  readonly by?: 'key' | 'ordered' | 'searched';
  /** Conditions that exclude each other and together say the same; each has an index of its own order. */
  readonly alternatives?: readonly string[];
}

export interface BoundedList {
  readonly name: string;
  readonly table: string;
  /** SELECT of what filters need beside each row `r` that is looked at: one row, found by the key of `r`. */
  readonly beside?: string;
  /** Select list over a row `r` of the table. */
  readonly columns: string;
  /** What is joined to the rows of a page, each by its key. */
  readonly join?: string;
  readonly filters: readonly Filter[];
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/**
 * Rows that a page looks at, at most; what lies beyond is for the next page. In the order of the key neighbours lie
 * together; those that an index on something else names lie in a block each.
 */
export const LOOKED_AT = { byKey: 3_000, byIndex: 2_000 } as const;
/** Rows that a search without order may find: they are all fetched and sorted. */
const SEARCHED = 5_000;

/**
 * One page, newest first, that costs the same whatever is asked for and however large the table is: rows are found by
 * an index on one of the filters, the one that leaves the fewest, and at most {@link LOOKED_AT} of them are looked at.
 * A page may therefore hold fewer items than asked for, or none, and still have a `next_cursor`.
 */
export async function boundedPage<Row extends QueryResultRow & { id: string }, Item>(
  pool: Pool,
  list: BoundedList,
  item: (row: Row) => Item,
): Promise<Page<Item>> {
  const lead = await leadingFilter(pool, list);
  const statement = new Statement();
  const bounds = list.filters
    .filter((filter) => filter.by === 'key')
    .map((filter) => statement.condition(filter));
  if (list.cursor !== undefined)
    bounds.push(
      statement.condition({ sql: 'r.id < :value', value: decodeCursor(list.name, list.cursor, UUID_KEY) }),
    );
  const led = lead === undefined ? [] : (lead.alternatives ?? [statement.condition(lead)]);
  const rest = list.filters
    .filter((filter) => filter !== lead && filter.by !== 'key')
    .map((filter) => statement.condition(filter));
  const looked = led.length === 0 ? LOOKED_AT.byKey : LOOKED_AT.byIndex;
  const { rows, end } =
    lead?.by === 'searched'
      ? { rows: searched(list, [...led, ...bounds]), end: 'NULL::uuid' }
      : {
          rows: ordered(list.table, led, bounds)('r.*', looked, 0),
          end: ordered(list.table, led, bounds)('r.id', 1, looked - 1),
        };
  const source = list.beside === undefined ? `(${rows}) r` : besideEach(rows, list.beside);
  const answer = await pool.query<Row & { scanned_to: string | null }>(
    `WITH page AS MATERIALIZED (
       SELECT r.* FROM ${source} ${where(rest)} ORDER BY r.id DESC LIMIT ${list.limit + 1}
     ), looked AS (
       SELECT CASE WHEN (SELECT count(*) FROM page) <= ${list.limit} THEN (${end}) END AS scanned_to
     )
     SELECT ${list.columns}, scanned_to FROM looked LEFT JOIN page r ON true ${list.join ?? ''} ORDER BY r.id DESC`,
    statement.values,
  );
  const found = answer.rows.filter((row) => row.id !== null);
  const shown = found.slice(0, list.limit);
  const next = found.length > list.limit ? shown.at(-1)?.id : answer.rows[0]?.scanned_to;
  return {
    items: shown.map(item),
    next_cursor: next === undefined || next === null ? null : encodeCursor(list.name, next),
  };
}

type Source = (columns: string, limit: number, offset: number) => string;

/** Rows in their order by one index, or by several that are merged. */
function ordered(table: string, alternatives: readonly string[], bounds: readonly string[]): Source {
  const walk = (conditions: readonly string[], limit: number) =>
    `SELECT r.* FROM ${table} r ${where([...conditions, ...bounds])} ORDER BY r.id DESC LIMIT ${limit}`;
  return (columns, limit, offset) => {
    const rows =
      alternatives.length <= 1
        ? walk(alternatives, limit + offset)
        : alternatives.map((alternative) => `(${walk([alternative], limit + offset)})`).join(' UNION ALL ');
    return `SELECT ${columns} FROM (${rows}) r ORDER BY r.id DESC LIMIT ${limit} OFFSET ${offset}`;
  };
}

/**
 * Row by row, which OFFSET 0 enforces: joined as a whole, the other table would be walked from its end to the page, since what
 * bounds the ids of one table says nothing to the planner of those of the other.
 */
const besideEach = (rows: string, beside: string): string =>
  `(SELECT r.*, beside.* FROM (${rows}) r CROSS JOIN LATERAL (${beside} OFFSET 0) beside) r`;

/** All rows that fit, which are few; OFFSET 0 keeps the planner from walking the key for them instead. */
function searched({ table }: BoundedList, conditions: readonly string[]): string {
  return `SELECT * FROM ${table} r ${where(conditions)} OFFSET 0`;
}

/** The filter by which rows are found; undefined when that is the order itself. */
async function leadingFilter(pool: Pool, list: BoundedList): Promise<Filter | undefined> {
  const candidates = list.filters.filter((filter) => filter.by === 'ordered' || filter.by === 'searched');
  const [only] = candidates;
  // Without a choice there is nothing to ask the planner.
  if (only === undefined || (candidates.length === 1 && only.by === 'ordered')) return only;
  const guesses = await Promise.all(
    candidates.map(async (filter) => ({ filter, rows: await guessedRows(pool, list.table, filter) })),
  );
  return guesses
    .filter(({ filter, rows }) => filter.by === 'ordered' || rows <= SEARCHED)
    .reduce<(typeof guesses)[number] | undefined>(
      (least, guess) => (least === undefined || guess.rows < least.rows ? guess : least),
      undefined,
    )?.filter;
}

/** How many rows Postgres' planner, which has statistics of all columns, expects to fit. */
async function guessedRows(pool: Pool, table: string, filter: Filter): Promise<number> {
  const statement = new Statement();
  const { rows } = await pool.query<{ 'QUERY PLAN': { Plan: { 'Plan Rows': number } }[] }>(
    `EXPLAIN (FORMAT JSON) SELECT FROM ${table} r WHERE ${statement.condition(filter)}`,
    statement.values,
  );
  return rows[0]?.['QUERY PLAN'][0]?.Plan['Plan Rows'] ?? Number.POSITIVE_INFINITY;
}

const where = (conditions: readonly string[]): string =>
  conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;

/** Conditions with their values as numbered parameters. */
export class Statement {
  readonly values: unknown[] = [];

  condition({ sql, value }: Filter): string {
    return value === undefined ? sql : sql.replace(':value', () => `$${this.values.push(value)}`);
  }
}
