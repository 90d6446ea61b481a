import type { Command, Redirect } from '../commands/model.ts';

/** A command as rules see it, in the middle of its pipeline. */
export interface Seen {
  /** Of the program, without folder and ending, in lower case. */
  readonly name: string;
  readonly args: readonly string[];
  /** Arguments in lower case. */
  readonly lower: readonly string[];
  /** Name and arguments in lower case, with single blanks. */
  readonly line: string;
  readonly redirects: readonly Redirect[];
  /** Commands whose output it gets, first to last. */
  readonly before: readonly Command[];
  /** What it reads, as far as that is known. */
  readonly input: string;
  /** Where relative paths begin, if that is known. */
  readonly directory: string | undefined;
}

export interface Verdict {
  readonly code: string;
  /** What the command would do. */
  readonly message: string;
}

export type Rule = (seen: Seen) => Verdict | undefined;

/** Rules by the line: a pattern over name and arguments is enough for most commands. */
export function lineRules(
  code: string,
  rows: readonly (readonly [pattern: RegExp, message: string])[],
): Rule {
  return ({ line }) => {
    const row = rows.find(([pattern]) => pattern.test(line));
    return row === undefined ? undefined : { code, message: row[1] };
  };
}
