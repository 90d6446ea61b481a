import { type FindAttributeOptions, type Model, type ModelStatic, Op, type WhereOptions } from 'sequelize';
import type { Page } from '../../contracts/http/common.ts';

/** The cursor was changed, or made by another list. */
export class InvalidCursorError extends Error {
  override readonly name = 'InvalidCursorError';
}

/** An opaque cursor: the list it belongs to and the key of the last item given. */
export function encodeCursor(list: string, key: string): string {
  return Buffer.from(JSON.stringify([list, key])).toString('base64url');
}

/** The key in a cursor of `list` that fits `pattern`; throws {@link InvalidCursorError} otherwise. */
export function decodeCursor(list: string, cursor: string, pattern: RegExp): string {
  try {
    const [owner, key] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown];
    if (owner === list && typeof key === 'string' && pattern.test(key)) return key;
  } catch {
    // Told below, like every other wrong cursor.
  }
  throw new InvalidCursorError(`The cursor does not belong to the list ${list}`);
}

export const UUID_KEY = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Cuts `limit` items from rows that were read with one more than that. */
export function toPage<Row, Item>(
  list: string,
  rows: Row[],
  limit: number,
  key: (row: Row) => string,
  item: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(item),
    next_cursor: rows.length > limit && last !== undefined ? encodeCursor(list, key(last)) : null,
  };
}

/** One page of a table whose ids are UUIDs of version 7, newest first. */
export async function newestFirst<Row extends { id: string }, Item>(
  model: ModelStatic<Model<Row, Partial<Row>>>,
  list: string,
  filters: WhereOptions[],
  page: { cursor?: string | undefined; limit: number },
  item: (row: Row) => Item,
  attributes?: FindAttributeOptions,
): Promise<Page<Item>> {
  const conditions = [...filters];
  if (page.cursor !== undefined)
    conditions.push({ id: { [Op.lt]: decodeCursor(list, page.cursor, UUID_KEY) } });
  const rows = (await model.findAll({
    where: { [Op.and]: conditions } as WhereOptions<Row>,
    ...(attributes === undefined ? {} : { attributes }),
    order: [['id', 'DESC']],
    limit: page.limit + 1,
    raw: true,
  })) as unknown as Row[];
  return toPage(list, rows, page.limit, (row) => row.id, item);
}

/** More than a statement may take. */
const LONGEST_TRANSACTION_MS = 60_000;

/** Bounds on version-7 ids that enclose a span of creation times, so that the primary key serves the filter. */
export function idBounds(
  after: string | undefined,
  before: string | undefined,
): { readonly from?: string; readonly below?: string } {
  return {
    ...(after === undefined ? {} : { from: smallestIdAt(Date.parse(after)) }),
    // Ids are made a little after the moment at which their transaction began, which is the time that is kept.
    ...(before === undefined ? {} : { below: smallestIdAt(Date.parse(before) + LONGEST_TRANSACTION_MS) }),
  };
}

/** The same for a model. */
export function idRange(after: string | undefined, before: string | undefined): WhereOptions[] {
  const { from, below } = idBounds(after, before);
  return [
    ...(from === undefined ? [] : [{ id: { [Op.gte]: from } }]),
    ...(below === undefined ? [] : [{ id: { [Op.lt]: below } }]),
  ];
}

/** Postgres keeps microseconds and shows milliseconds: what lies within the one that was named belongs to it. */
export const nextMillisecond = (instant: string): Date => new Date(new Date(instant).getTime() + 1);

function smallestIdAt(milliseconds: number): string {
  const clamped = Math.min(Math.max(0, Math.floor(milliseconds)), 2 ** 48 - 1);
  const hex = clamped.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** Times as the API gives them. */
export const iso = (time: Date): string => time.toISOString();
export const isoOrNull = (time: Date | null): string | null => time?.toISOString() ?? null;
