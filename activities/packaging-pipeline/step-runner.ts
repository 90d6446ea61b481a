import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { PipelineStep } from '../../contracts/packaging-pipeline/steps.ts';
import type { PipelineRow } from '../../db/models/packaging.ts';
import type { PipelineStore } from '../../db/stores/packaging-pipeline/pipeline-store.ts';
import type { StepOutcome } from '../../db/stores/packaging-pipeline/progress.ts';
import {
  PackagingError,
  type ToolContext,
  type ToolLimits,
  type ToolSettings,
} from '../../packaging/index.ts';
import type { Logger } from '../../runtime/logger.ts';
import { LogSink } from './log-sink.ts';
import { failureOfStep } from './step-failure.ts';
import type { Workspace, Workspaces } from './workspace.ts';

/** Of which the server hears; well below the heartbeat timeout. */
const HEARTBEAT_MS = 2_000;

export interface StepWork {
  readonly pipeline: PipelineRow;
  readonly workspace: Workspace;
  readonly tools: ToolContext;
  readonly log: (line: string) => void;
  /** Resolves when all that was logged can be read. */
  readonly flush: () => Promise<void>;
}

export interface StepRunnerOptions {
  readonly pipelines: Pick<PipelineStore, 'progress' | 'logs' | 'row'>;
  readonly workspaces: Workspaces;
  readonly settings: ToolSettings;
  readonly limits: ToolLimits;
  readonly logger: Logger;
}

/** Runs one step of a pipeline as an activity: record, live log, heartbeats, cancellation, and what a failure means. */
export class StepRunner {
  readonly #options: StepRunnerOptions;
  constructor(options: StepRunnerOptions) {
    this.#options = options;
  }

  /**
   * @param work does the step; what it answers as `outcome` goes into the pipeline's row
   * @throws ApplicationFailure whose type is a stable code; not retryable when trying again cannot help
   */
  async run<T>(
    pipelineId: string,
    step: PipelineStep,
    work: (step: StepWork) => Promise<{ readonly outcome?: StepOutcome; readonly answer: T }>,
  ): Promise<T> {
    const { pipelines, workspaces, settings, limits, logger } = this.#options;
    const context = Context.current();
    const pipeline = await pipelines.progress.beginStep(pipelineId, step);
    if (pipeline === undefined) throw await this.#ended(pipelineId);
    const sink = new LogSink(
      (text) => pipelines.logs.append(pipelineId, text),
      (error) => logger.warn({ err: error, pipeline_id: pipelineId }, 'A build log could not be written'),
    );
    let detail = '';
    const heart = setInterval(() => context.heartbeat({ detail }), HEARTBEAT_MS);
    const workspace = workspaces.of(pipelineId);
    const log = (line: string): void => sink.line(`${step}: ${line}`);
    try {
      await workspace.open();
      const tools: ToolContext = {
        workspace: workspace.tools,
        signal: context.cancellationSignal,
        log,
        progress: (said) => {
          detail = said;
        },
        limits,
        settings,
      };
      if (context.info.attempt > 1) log(`attempt ${context.info.attempt}`);
      const { outcome, answer } = await work({ pipeline, workspace, tools, log, flush: () => sink.flush() });
      context.cancellationSignal.throwIfAborted();
      await sink.flush();
      await pipelines.progress.endStep(pipelineId, step, outcome);
      return answer;
    } catch (error) {
      if (context.cancellationSignal.aborted) {
        log('stopped');
        await sink.flush();
        // Cancelled, or handed back because this worker stops: the library tells which.
        await context.cancelled;
      }
      const failure = failureOfStep(error);
      if (!(error instanceof PackagingError) && !(error instanceof ApplicationFailure))
        logger.warn({ err: error, pipeline_id: pipelineId, step }, 'A step failed unexpectedly');
      log(`failed: ${failure.message}${failure.nonRetryable === true ? '' : ' (it is tried again)'}`);
      await sink.flush();
      // What the caller is told is the step's failure, not that it could not be noted.
      await pipelines.progress
        .failStep(pipelineId, step, failure.message)
        .catch((err: unknown) =>
          logger.warn({ err, pipeline_id: pipelineId }, 'A failure could not be noted'),
        );
      throw failure;
    } finally {
      clearInterval(heart);
    }
  }

  /** A step that is run although its pipeline has ended: told late, or begun again by a worker that was thought dead. */
  async #ended(pipelineId: string): Promise<ApplicationFailure> {
    const row = await this.#options.pipelines.row(pipelineId);
    const status = row === undefined ? 'gone' : row.status;
    return ApplicationFailure.nonRetryable(`The pipeline is ${status}`, 'pipeline-ended');
  }
}
