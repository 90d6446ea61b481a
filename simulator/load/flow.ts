/** How often something happens, by looks at how often it has happened so far. */
export class Flow {
  readonly #looks: { readonly atMs: number; readonly count: number }[] = [];
  readonly #span: number;

  /** @param span looks over which the rate is taken */
  constructor(span: number) {
    this.#span = span;
  }

  /** @returns times a second over the last looks; 0 at the first one */
  look(count: number, atMs: number): number {
    this.#looks.push({ atMs, count });
    if (this.#looks.length > this.#span + 1) this.#looks.shift();
    const [first] = this.#looks;
    if (first === undefined || atMs <= first.atMs) return 0;
    return (1_000 * (count - first.count)) / (atMs - first.atMs);
  }
}
