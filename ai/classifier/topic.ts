import type { FailureCategory, Severity } from '../../contracts/incident/ai.ts';

/** One way in which things fail, by the wordings in which tools tell of it. */
export interface Topic {
  readonly id: string;
  readonly category: FailureCategory;
  /** How sure the wording makes it: 1 a hint, 2 usual, 3 plain, 4 nothing else. */
  readonly weight: number;
  readonly pattern: RegExp;
  readonly cause: string;
  readonly advice: string;
  readonly severity?: Severity;
  /** Says that it failed, hardly why: counts little beside a cause. */
  readonly generic?: boolean;
}
