import type { Pool, QueryResultRow } from 'pg';
import type { Page } from '../../contracts/http/common.ts';
import { bestFinder, type Finder } from './finder.ts';
import { decodeCursor, encodeCursor, UUID_KEY } from './keyset.ts';
import { type Sql, Statement, where } from './statement.ts';
import { type Bounds, walk } from './walk.ts';

/** What is asked of the rows `r` of a list. */
export interface Filter {
  /** Conditions, all of which hold. */
  readonly checks: readonly Sql[];
  /** Ways to rows that may fit: each finds all that do, and perhaps others. */
  readonly finders?: readonly Finder[];
  /** Each finder finds nothing but what fits. */
  readonly exact?: boolean;
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
  /** Between which ids the rows lie. */
  readonly bounds?: Bounds;
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/**
 * Rows that a page looks at, at most; what lies beyond is for the next page. In the order of the key neighbours lie
 * together; those that an index on something else names lie in a block each, and so does what stands beside them. `steps`
 * are what it takes to find the rows by an index and to fetch them.
 */
export const LOOKED_AT = { byKey: 3_000, beside: 2_000, steps: 2_000 } as const;

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
  const finder = await bestFinder(
    pool,
    list.filters.flatMap(({ finders }) => finders ?? []),
  );
  const { text, values } = pageBy(finder, list);
  const answer = await pool.query<Row & { scanned_to: string | null }>(text, values);
  const found = answer.rows.filter((row) => row.id !== null);
  const shown = found.slice(0, list.limit);
  const next = found.length > list.limit ? shown.at(-1)?.id : answer.rows[0]?.scanned_to;
  return {
    items: shown.map(item),
    next_cursor: next === undefined || next === null ? null : encodeCursor(list.name, next),
  };
}

function pageBy(finder: Finder | undefined, list: BoundedList): { text: string; values: unknown[] } {
  const statement = new Statement();
  const rest = list.filters
    .filter(({ finders, exact }) => !(exact && finder !== undefined && finders?.includes(finder)))
    .flatMap(({ checks }) => statement.all(checks));
  const { rows, order, end } = walk(
    finder ?? { rows: list.table, columns: [], anyOf: [[]] },
    list.table,
    boundsOf(list),
    // What is found fits when nothing more is asked of it.
    rest.length === 0 ? list.limit + 1 : lookedAt(finder, list),
    statement,
  );
  // Of the ids that were found, not of their rows: an entry that was left over in an index table of ours has none.
  const scannedTo = `CASE WHEN (SELECT count(*) FROM page) <= ${list.limit} THEN (${end}) END`;
  return {
    text: `WITH page AS MATERIALIZED (
       SELECT r.* FROM ${list.beside === undefined ? `(${rows}) r` : besideEach(rows, list.beside)}
       ${where(rest)} ORDER BY ${order} LIMIT ${list.limit + 1}
     ), looked AS (SELECT ${scannedTo} AS scanned_to)
     SELECT ${list.columns}, scanned_to FROM looked LEFT JOIN page r ON true ${list.join ?? ''} ORDER BY r.id DESC`,
    values: statement.values,
  };
}

function lookedAt(finder: Finder | undefined, { table, beside, limit }: BoundedList): number {
  if (finder === undefined) return beside === undefined ? LOOKED_AT.byKey : LOOKED_AT.beside;
  const steps = Math.max('columns' in finder ? finder.anyOf.length : 1, finder.rows === table ? 1 : 2);
  return Math.max(limit + 1, Math.floor(LOOKED_AT.steps / steps));
}

/** The cursor is a bound, too. */
function boundsOf({ name, bounds = {}, cursor }: BoundedList): Bounds {
  if (cursor === undefined) return bounds;
  const after = decodeCursor(name, cursor, UUID_KEY);
  return { ...bounds, below: bounds.below === undefined || after < bounds.below ? after : bounds.below };
}

/**
 * Row by row, which OFFSET 0 enforces: joined as a whole, the other table would be walked from its end to the page, since what
 * bounds the ids of one table says nothing to the planner of those of the other.
 */
const besideEach = (rows: string, beside: string): string =>
  `(SELECT r.*, beside.* FROM (${rows}) r CROSS JOIN LATERAL (${beside} OFFSET 0) beside) r`;
