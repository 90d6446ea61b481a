import type { z } from 'zod';
import type { HandedOverTask } from '../../contracts/agent-task/task.ts';
import type { DeploymentReport } from '../../contracts/telemetry/telemetry.ts';
import type { Logger } from '../log.ts';
import { storable } from '../text.ts';
import type { Outcome } from './journal.ts';

/** What an executor gets besides the task. */
export interface Execution {
  readonly task: HandedOverTask;
  /** Aborts when the platform, the time limit or the end of the agent stops the work. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Tells the platform how far the work is: 0 to 100, and what is being done. */
  progress(percent: number | null, message: string): void;
  /** Tells the platform how a deployment goes. */
  report(report: Omit<DeploymentReport, 'task_id'>): void;
}

/** `handover`: the task's outcome is decided by the next version of the agent. */
export type Executed = Outcome | { readonly word: 'handover' };

/** Does one kind of task. A rejection fails the task with the error's message. */
export type Executor = (execution: Execution) => Promise<Executed>;

/** What an executor rejects with when the platform is to get more than a message. */
export class ExecutionFailure extends Error {
  readonly result: Record<string, unknown>;

  constructor(message: string, result: Record<string, unknown>, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ExecutionFailure';
    this.result = result;
  }
}

const MAX_MESSAGE = 16_384;

export const completed = (result: Record<string, unknown>): Outcome => ({
  word: 'complete',
  body: { result },
});

export function failed(message: string, result?: Record<string, unknown>): Outcome {
  return {
    word: 'fail',
    body: {
      error_message: storable(message, MAX_MESSAGE) || 'The task failed',
      ...(result === undefined ? {} : { result }),
    },
  };
}

/** The payload, checked. @throws Error that names every field that is wrong */
export function payloadOf<T>(schema: z.ZodType<T>, task: HandedOverTask): T {
  const parsed = schema.safeParse(task.payload);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'payload'}: ${message}`);
  throw new Error(`The payload does not fit ${task.task_type}: ${issues.join('; ')}`);
}
