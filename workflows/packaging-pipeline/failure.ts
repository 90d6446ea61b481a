import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { isCancellation } from '@temporalio/workflow';
import type { PipelineFailure, PipelineStep } from '../../contracts/packaging-pipeline/steps.ts';

/** A step that failed, with what it failed of. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure';
  readonly step: PipelineStep;

  constructor(step: PipelineStep, cause: unknown) {
    super(step, { cause });
    this.step = step;
  }
}

/** Why the pipeline ends, as its record tells. What is no failure of a step is a mistake of ours, and is thrown on. */
export function failureOf(error: unknown): PipelineFailure {
  const step = error instanceof StepFailure ? error.step : null;
  const cause = error instanceof StepFailure ? error.cause : error;
  if (isCancellation(cause)) return { step, code: 'cancelled', message: 'The pipeline was cancelled.' };
  if (!(cause instanceof ActivityFailure)) throw cause;
  const reason = cause.cause;
  if (reason instanceof ApplicationFailure)
    return { step, code: reason.type ?? 'internal-error', message: reason.message };
  if (reason instanceof TimeoutFailure)
    return { step, code: 'timed-out', message: 'The step did not end within its time, whoever tried it.' };
  return { step, code: 'internal-error', message: reason?.message ?? cause.message };
}
