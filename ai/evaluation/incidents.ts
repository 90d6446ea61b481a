import { type AiCall, FAILURE_CATEGORIES, type FailureCategory } from '../../contracts/incident/ai.ts';
import type { Assistant } from '../assistant/ports.ts';
import { classFigures, type Judged, reliability } from './figures.ts';
import { type IncidentRow, isHeldOut, type NumberedRow } from './rows.ts';

interface Outcome extends Judged<FailureCategory> {
  readonly line: number;
  readonly row: IncidentRow;
  readonly calls: readonly AiCall[];
}

export interface EvaluationOptions {
  /** Tells halves apart, where the set has them. */
  readonly halves: boolean;
  readonly onProgress?: (done: number, all: number) => void;
}

/** Has the assistant classify each failure, as it would for an incident. */
export async function evaluateIncidents(
  rows: readonly NumberedRow<IncidentRow>[],
  assistant: Assistant,
  { halves, onProgress }: EvaluationOptions,
) {
  const outcomes: Outcome[] = [];
  for (const { line, row } of rows) {
    const { platform, package: name, exit_code, error, log } = row;
    const { classification, calls } = await assistant.classifyIncident({
      platform,
      package: name,
      exit_code,
      error,
      log,
    });
    outcomes.push({
      line,
      row,
      calls,
      label: row.label,
      said: classification?.category ?? null,
      confidence: classification?.confidence ?? 0,
    });
    onProgress?.(outcomes.length, rows.length);
  }
  const last = outcomes.flatMap(({ calls }) => calls).at(-1);
  const tokens = outcomes
    .flatMap(({ calls }) => calls)
    .reduce((sum, call) => sum + call.input_tokens + call.output_tokens, 0);
  return {
    provider: last?.provider ?? 'none',
    model: last?.model ?? '',
    offline: last?.provider === 'offline',
    tokens,
    ...classFigures(FAILURE_CATEGORIES, outcomes),
    ...(halves
      ? {
          tuning: classFigures(
            FAILURE_CATEGORIES,
            outcomes.filter(({ row }) => !isHeldOut(row)),
          ),
          held_out: classFigures(
            FAILURE_CATEGORIES,
            outcomes.filter(({ row }) => isHeldOut(row)),
          ),
        }
      : {}),
    reliability: reliability(outcomes),
    wrong: outcomes
      .filter(({ label, said }) => label !== said)
      .map(({ line, label, said, confidence, row }) => ({
        line,
        label,
        said,
        confidence,
        error: row.error.slice(0, 200),
      })),
  };
}
