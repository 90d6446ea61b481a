/** A condition on rows `r`, or a value, with `:value` in the place of its parameter. */
export interface Sql {
  readonly sql: string;
  readonly value?: unknown;
}

/** Pieces of a statement with their values as numbered parameters. */
export class Statement {
  readonly values: unknown[] = [];
  readonly #first: number;

  /** @param first number of the first parameter */
  constructor(first = 1) {
    this.#first = first;
  }

  add({ sql, value }: Sql): string {
    if (value === undefined) return sql;
    const parameter = `$${this.#first - 1 + this.values.push(value)}`;
    return sql.replaceAll(':value', () => parameter);
  }

  all(conditions: readonly Sql[]): string[] {
    return conditions.map((condition) => this.add(condition));
  }
}

export const where = (conditions: readonly string[]): string =>
  conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
