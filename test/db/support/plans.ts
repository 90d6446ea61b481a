import pg, { type Pool } from 'pg';

export interface Plan {
  readonly sequentialScans: string[];
  /** Blocks read or found in the cache; 0 when the statement was not run. */
  readonly blocks: number;
}

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Shared Hit Blocks'?: number;
  'Shared Read Blocks'?: number;
  Plans?: PlanNode[];
}

/** How Postgres goes about the statements that `work` sends, transactions' brackets aside. */
export async function plansOf(
  pool: Pool,
  work: () => Promise<unknown>,
  { analyze = true }: { analyze?: boolean } = {},
): Promise<Plan[]> {
  const spy = jest.spyOn(pg.Client.prototype, 'query');
  await work();
  const calls = spy.mock.calls.map((call: readonly unknown[]) => call);
  spy.mockRestore();
  const plans: Plan[] = [];
  for (const [statement, second] of calls) {
    const { text, values } = parts(statement, second);
    if (!/^\s*(SELECT|WITH|UPDATE)/.test(text)) continue;
    const { rows } = await pool.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
      `EXPLAIN (FORMAT JSON${analyze ? ', ANALYZE, BUFFERS' : ''}) ${text}`,
      values,
    );
    const top = rows[0]?.['QUERY PLAN'][0]?.Plan;
    if (top === undefined) throw new Error('No plan');
    plans.push({
      sequentialScans: flatten(top).flatMap((node) =>
        // A partition without rows is read in no time.
        node['Node Type'] === 'Seq Scan' && !(analyze && blocksOf(node) === 0)
          ? [node['Relation Name'] ?? '']
          : [],
      ),
      blocks: blocksOf(top),
    });
  }
  return plans;
}

function parts(statement: unknown, second: unknown): { text: string; values: unknown[] } {
  if (typeof statement === 'string') return { text: statement, values: Array.isArray(second) ? second : [] };
  const query = statement as { text?: string; values?: unknown[] };
  return { text: String(query.text), values: query.values ?? [] };
}

const blocksOf = (node: PlanNode): number =>
  (node['Shared Hit Blocks'] ?? 0) + (node['Shared Read Blocks'] ?? 0);

const flatten = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flatten)];
