import {
  CancellationScope,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import {
  type PipelineFailure,
  type PipelineStatus,
  type PipelineStep,
  STATUS_OF_STEP,
} from '../../contracts/packaging-pipeline/steps.ts';
import { SEARCH_ATTRIBUTE_KEYS } from '../search-attributes.ts';
import { describePipeline } from './describe.ts';
import { failureOf, StepFailure } from './failure.ts';
import { type StepTiming, stepTimings } from './messages.ts';
import * as steps from './steps.ts';

/**
 * The story of one pipeline, from source to evidence. What the steps make and find is in Postgres, in the store and
 * in the pipeline's workspace; the workflow knows its id and the verdict.
 */
export async function packagingPipeline(pipelineId: string): Promise<'PASSED' | 'FAILED'> {
  const board = new Board();
  setHandler(stepTimings, () => board.timings);
  try {
    await board.run('fetch', () => steps.fetchSource(pipelineId));
    await board.run('build', () => steps.buildPackage(pipelineId));
    await board.run('sign', () => steps.signPackage(pipelineId));
    await board.run('verify', () => steps.verifyPackage(pipelineId));
    await sideBySide(
      board.run('sbom', () => steps.makeSbom(pipelineId)),
      board.run('scan', () => steps.scanPackage(pipelineId)),
    );
    const refusal = await board.run('policy', () => steps.decidePolicy(pipelineId));
    if (refusal !== null) return await end({ step: 'policy', code: 'policy-refused', message: refusal });
    await board.run('store', () => steps.storePackage(pipelineId));
    await board.run('evidence', () => steps.packEvidence(pipelineId));
    board.end('PASSED');
    return 'PASSED';
  } catch (error) {
    return await end(failureOf(error));
  }

  async function end(failure: PipelineFailure): Promise<'FAILED'> {
    await CancellationScope.nonCancellable(() => steps.endPipeline(pipelineId, failure));
    board.end(failure);
    return 'FAILED';
  }
}

/**
 * Waits for both, also when one fails: it must not go on in a workspace that is being cleaned. What both failed of is said
 * of the last.
 */
async function sideBySide(...work: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).filter((result) => result.status === 'rejected');
  const last = failed.at(-1);
  if (last !== undefined) throw last.reason;
}

/** What the Web UI and the visibility store are told. */
class Board {
  #timings: StepTiming[] = [];
  #status: PipelineStatus = 'PENDING';

  get timings(): StepTiming[] {
    return this.#timings;
  }

  async run<T>(step: PipelineStep, work: () => Promise<T>): Promise<T> {
    const began = Date.now();
    this.#timings.push({ step, began_at: new Date(began).toISOString(), duration_ms: null });
    this.#show(STATUS_OF_STEP[step]);
    setCurrentDetails(describePipeline(this.#timings));
    try {
      return await work();
    } catch (error) {
      throw new StepFailure(step, error);
    } finally {
      this.#timings = this.#timings.map((timing) =>
        timing.step === step ? { ...timing, duration_ms: Date.now() - began } : timing,
      );
    }
  }

  end(ending: 'PASSED' | PipelineFailure): void {
    this.#show(ending === 'PASSED' ? ending : 'FAILED');
    setCurrentDetails(describePipeline(this.#timings, ending));
  }

  /** Each change costs a row in the visibility store: only when there is one. */
  #show(status: PipelineStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    upsertSearchAttributes([{ key: SEARCH_ATTRIBUTE_KEYS.state, value: status }]);
  }
}
