import { defineQuery } from '@temporalio/workflow';
import type { PipelineStep } from '../../contracts/packaging-pipeline/steps.ts';

export interface StepTiming {
  readonly step: PipelineStep;
  readonly began_at: string;
  /** Null while it runs. */
  readonly duration_ms: number | null;
}

/** The steps that were begun, in the order in which they were, with the time that each took. */
export const stepTimings = defineQuery<StepTiming[]>('stepTimings');
