import pg from 'pg';

/** The text of every statement that this process sends to Postgres while `work` runs, in transactions as well. */
export async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const spy = jest.spyOn(pg.Client.prototype, 'query');
  try {
    await work();
    return spy.mock.calls.map(([statement]: readonly unknown[]) => textOf(statement));
  } finally {
    spy.mockRestore();
  }
}

function textOf(statement: unknown): string {
  return typeof statement === 'string' ? statement : String((statement as { text?: string }).text);
}
