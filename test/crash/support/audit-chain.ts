import type pg from 'pg';

export interface Change {
  readonly id: string;
  readonly object_id: string;
  readonly action: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** The changes of state of some objects, in the order of their ids. */
export async function readChanges(
  database: Pick<pg.ClientBase, 'query'>,
  objectType: string,
  objectIds: readonly string[],
): Promise<Map<string, Change[]>> {
  const { rows } = await database.query<Change>(
    `SELECT id, object_id, action, before ->> 'status' AS before, after ->> 'status' AS after FROM audit_event
     WHERE object_type = $1 AND kind = 'change' AND object_id = ANY($2::text[])
       AND (before ? 'status' OR after ? 'status') ORDER BY id`,
    [objectType, objectIds],
  );
  const changes = new Map<string, Change[]>();
  for (const row of rows) changes.set(row.object_id, [...(changes.get(row.object_id) ?? []), row]);
  return changes;
}

/** The time within a version 7 UUID: its first 48 bits. */
const millisecond = (change: Change): string => change.id.slice(0, 13);

/** @returns where the chain from nothing to `final` breaks; events of one millisecond may stand in any order */
export function breakInChain(events: readonly Change[], final: string): string | undefined {
  const left = [...events];
  let state: string | null = null;
  while (left.length > 0) {
    const [first] = left;
    const index = left.findIndex(
      (event) => event.before === state && first !== undefined && millisecond(event) === millisecond(first),
    );
    const [event] = index < 0 ? [] : left.splice(index, 1);
    if (event === undefined) return `${state} is followed by ${story(left)}; all: ${story(events)}`;
    state = event.after;
  }
  return state === final ? undefined : `ends with ${state} instead of ${final}: ${story(events)}`;
}

const story = (events: readonly Change[]): string =>
  events.map((event) => `${event.action} ${event.before}→${event.after}`).join(', ');
