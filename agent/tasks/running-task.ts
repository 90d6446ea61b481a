import { type Logger, messageOf } from '../log.ts';
import type { PlatformError } from '../protocol/errors.ts';
import type { Courier } from '../queue/courier.ts';
import { storable } from '../text.ts';
import { schedule } from '../timing.ts';
import { type Execution, ExecutionFailure, type Executor, failed } from './executor.ts';
import type { Journal, JournalEntry, Outcome } from './journal.ts';

/** How the work on a task ended, and so what is to be said of it. */
export type Ended =
  | { readonly how: 'outcome'; readonly outcome: Outcome }
  | { readonly how: 'handover' }
  | { readonly how: 'decided'; readonly status: string }
  | { readonly how: 'abandoned' };

/** The platform's state of a task, as far as a refusal tells it. */
export const stateAfter = (error: PlatformError): string => error.taskStatus ?? error.code;

type AbortCause = 'decided' | 'abandoned' | 'stopped' | 'time';

class Aborted extends Error {
  readonly why: AbortCause;

  constructor(why: AbortCause, message: string) {
    super(message);
    this.why = why;
  }
}

export interface RunningTaskOptions {
  readonly journal: Journal;
  readonly courier: Courier;
  readonly log: Logger;
}

/** One task at work, from `start` to its end; says progress, keeps to its time, can be stopped. */
export class RunningTask {
  readonly #entry: JournalEntry;
  readonly #executor: Executor;
  readonly #options: RunningTaskOptions;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  #progress: { percent: number | null; message: string } = { percent: null, message: 'Begun' };
  #begun = false;

  constructor(entry: JournalEntry, executor: Executor, options: RunningTaskOptions) {
    const { id, task_type, correlation_id } = entry.task;
    this.#entry = entry;
    this.#executor = executor;
    this.#options = options;
    this.#log = options.log.with({ task_id: id, task_type, correlation_id });
  }

  /** Stops the work; the first cause counts. `message`: the platform's state of the task, or what to tell it. */
  abort(why: AbortCause, message: string): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(new Aborted(why, message));
  }

  tellAlive(): void {
    if (this.#begun) void this.#options.courier.send(this.#record('progress', { ...this.#progress }));
  }

  async work(): Promise<Ended> {
    const { task, state } = this.#entry;
    if (state === 'accepted') {
      const delivery = await this.#options.courier.send(this.#record('start', {}));
      if (delivery.outcome === 'refused') {
        return { how: 'decided', status: stateAfter(delivery.error) };
      }
    }
    if (this.#abort.signal.aborted) return this.#ended(this.#abort.signal.reason);
    const startedAt = this.#entry.started_at ?? new Date().toISOString();
    await this.#options.journal.update(task.id, { state: 'running', started_at: startedAt });
    this.#begun = true;
    this.#log.info('Task started');
    const left = Date.parse(startedAt) + task.timeout_seconds * 1_000 - Date.now();
    const callOff = schedule(Math.max(0, left), () =>
      this.abort('time', `The task did not end within its ${task.timeout_seconds} seconds and was stopped`),
    );
    try {
      const executed = await this.#executor(this.#execution());
      if (executed.word === 'handover') return { how: 'handover' };
      // Work that could not be stopped has come to its end although the platform did not want it any more.
      if (this.#isNobodys()) return this.#ended(undefined);
      return { how: 'outcome', outcome: executed };
    } catch (error) {
      return this.#ended(error);
    } finally {
      this.#begun = false;
      callOff();
    }
  }

  #isNobodys(): boolean {
    const reason: unknown = this.#abort.signal.reason;
    return reason instanceof Aborted && (reason.why === 'decided' || reason.why === 'abandoned');
  }

  #ended(error: unknown): Ended {
    const reason: unknown = this.#abort.signal.reason;
    if (!(reason instanceof Aborted)) {
      const result = error instanceof ExecutionFailure ? error.result : undefined;
      return { how: 'outcome', outcome: failed(messageOf(error), result) };
    }
    if (reason.why === 'decided') return { how: 'decided', status: reason.message };
    if (reason.why === 'abandoned') return { how: 'abandoned' };
    // What the work has to add to the reason for which it was stopped is told, too.
    const told = error instanceof ExecutionFailure && error.message.startsWith(reason.message);
    return { how: 'outcome', outcome: failed(told ? error.message : reason.message) };
  }

  #execution(): Execution {
    const { task } = this.#entry;
    return {
      task,
      signal: this.#abort.signal,
      log: this.#log,
      progress: (percent, message) => {
        this.#progress = { percent, message: storable(message, 2_000) };
        this.tellAlive();
      },
      report: (report) => {
        const record = { kind: 'deployment', report: { task_id: task.id, ...report } } as const;
        void this.#options.courier.send({ ...record, correlation_id: task.correlation_id });
      },
    };
  }

  #record(word: 'start' | 'progress', body: Record<string, unknown>) {
    const { id, correlation_id } = this.#entry.task;
    return { kind: 'word', task_id: id, word, body, correlation_id } as const;
  }
}
