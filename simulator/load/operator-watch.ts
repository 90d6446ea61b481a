import type { Recorder } from '../measure/recorder.ts';
import { type Operator, OperatorError } from '../platform/operator.ts';

/** What operators look at all day. */
export const OPERATOR_LISTS: readonly string[] = [
  '/fleet/summary',
  '/agents',
  '/agents?status=OFFLINE',
  '/agents?platform=linux&limit=500',
  '/agents?tag=site%3Dsite-3',
  '/agents?hostname=sim-00001',
  '/tasks',
  '/tasks?status=FAILED',
  '/tasks?status=IN_PROGRESS',
  '/offline-queue',
  '/audit-events',
  '/alerts',
];

/** Looks at one list after the other, and notes how long each takes at this size of the fleet. */
export class OperatorWatch {
  readonly recorder: Recorder;
  readonly #operator: Operator;
  readonly #everyMs: number;
  #next = 0;
  #timer: NodeJS.Timeout | undefined;
  #under: Promise<void> = Promise.resolve();

  constructor(operator: Operator, recorder: Recorder, everyMs: number) {
    this.#operator = operator;
    this.recorder = recorder;
    this.#everyMs = everyMs;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#under = this.#under.then(() => this.#look());
    }, this.#everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#under;
  }

  async #look(): Promise<void> {
    const path = OPERATOR_LISTS[this.#next % OPERATOR_LISTS.length] ?? '/agents';
    this.#next += 1;
    const begun = performance.now();
    try {
      await this.#operator.call('GET', path);
      this.recorder.succeeded(path, performance.now() - begun, '200');
    } catch (error) {
      this.recorder.failed(path, error instanceof OperatorError ? String(error.status) : 'unreachable');
    }
  }
}
