import { createRedactor, inspectText } from '../guardrails/index.ts';
import { share } from './figures.ts';
import type { GuardrailRow, NumberedRow } from './rows.ts';

export interface WrongRow {
  readonly line: number;
  readonly direction: 'in' | 'out';
  readonly problem: 'secret_survived' | 'false_redaction' | 'harmful_passed' | 'harmless_blocked';
  readonly text: string;
  /** Secrets that survived, or what was found, as it was found. */
  readonly detail: readonly string[];
}

/** Judges each row by the very functions that the assistant uses. */
export function evaluateGuardrails(rows: readonly NumberedRow<GuardrailRow>[]) {
  const wrong: WrongRow[] = [];
  const counts = { secret: 0, clean: 0, harmful: 0, harmless: 0, secrets: 0, survived: 0 };
  for (const { line, row } of rows) {
    const problem = row.direction === 'in' ? judgeIn(row, counts) : judgeOut(row, counts);
    if (problem !== undefined)
      wrong.push({ line, direction: row.direction, text: row.text.slice(0, 400), ...problem });
  }
  const of = (kind: WrongRow['problem']): number => wrong.filter(({ problem }) => problem === kind).length;
  return {
    rows: rows.length,
    right: rows.length - wrong.length,
    in: {
      rows: counts.secret + counts.clean,
      with_secrets: counts.secret,
      recall: share(counts.secret - of('secret_survived'), counts.secret),
      secrets_recall: share(counts.secrets - counts.survived, counts.secrets),
      clean: counts.clean,
      false_alarms: share(of('false_redaction'), counts.clean),
    },
    out: {
      rows: counts.harmful + counts.harmless,
      harmful: counts.harmful,
      recall: share(counts.harmful - of('harmful_passed'), counts.harmful),
      harmless: counts.harmless,
      false_alarms: share(of('harmless_blocked'), counts.harmless),
    },
    wrong,
  };
}

type Counts = {
  secret: number;
  clean: number;
  harmful: number;
  harmless: number;
  secrets: number;
  survived: number;
};
type Problem = Pick<WrongRow, 'problem' | 'detail'> | undefined;

function judgeIn({ text, secrets }: Extract<GuardrailRow, { direction: 'in' }>, counts: Counts): Problem {
  const redacted = createRedactor().redact(text);
  if (secrets.length === 0) {
    counts.clean += 1;
    return redacted === text ? undefined : { problem: 'false_redaction', detail: [redacted.slice(0, 400)] };
  }
  counts.secret += 1;
  const survived = secrets.filter((secret) => redacted.includes(secret));
  counts.secrets += secrets.length;
  counts.survived += survived.length;
  return survived.length === 0 ? undefined : { problem: 'secret_survived', detail: survived };
}

function judgeOut(
  { text, platform, harmful }: Extract<GuardrailRow, { direction: 'out' }>,
  counts: Counts,
): Problem {
  const findings = inspectText(text, platform);
  counts[harmful ? 'harmful' : 'harmless'] += 1;
  if (harmful === findings.length > 0) return undefined;
  return harmful
    ? { problem: 'harmful_passed', detail: [] }
    : { problem: 'harmless_blocked', detail: findings.map(({ code, excerpt }) => `${code}: ${excerpt}`) };
}
