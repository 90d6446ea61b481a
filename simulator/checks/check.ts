/** What one check found. */
export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
  /** How many things were looked at. A check that looked at nothing says nothing. */
  readonly checked: number;
  readonly violations: number;
  /** A few of them, for people. */
  readonly examples: readonly string[];
  readonly says: string;
}

const EXAMPLES = 5;

/** Collects what a check finds wrong. */
export class Findings {
  checked = 0;
  violations = 0;
  readonly examples: string[] = [];

  wrong(example: () => string): void {
    this.violations += 1;
    if (this.examples.length < EXAMPLES) this.examples.push(example());
  }

  result(name: string, says: string): CheckResult {
    const { checked, violations, examples } = this;
    return { name, passed: violations === 0, checked, violations, examples, says };
  }
}
