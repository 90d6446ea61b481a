import type { Logger } from '../log.ts';
import { completed, failed } from '../tasks/executor.ts';
import type { Outcome } from '../tasks/journal.ts';
import { sleep } from '../timing.ts';
import type { Update } from '../update/state.ts';
import type { Parts } from './parts.ts';

const POLL_MS = 100;

/** The worker's side of an update: proves a version on trial, and tells how an update went that is over. */
export class UpdateWatch {
  readonly #parts: Parts;
  readonly #version: string;
  readonly #log: Logger;
  #trial: Update | undefined;

  constructor(parts: Parts, version: string, log: Logger) {
    this.#parts = parts;
    this.#version = version;
    this.#log = log;
  }

  /** Whether this process is a new version that still has to prove itself. */
  get onTrial(): boolean {
    return this.#trial !== undefined;
  }

  /** UPDATE task whose outcome the launcher has not decided yet. */
  get pendingTaskId(): string | undefined {
    return this.#trial?.task_id;
  }

  async begin(): Promise<void> {
    const update = await this.#parts.updates.update();
    if (update === undefined) return;
    if (update.state === 'trying' && update.to === this.#version) {
      this.#trial = update;
      this.#log.info('This version is on trial', { version: update.to });
      return;
    }
    await this.#conclude(update);
  }

  /**
   * After an answered heartbeat: tells the launcher, waits for its word, and tells the task's outcome. Resolves
   * with whether this version may do tasks.
   */
  async proven(signal: AbortSignal): Promise<boolean> {
    if (this.#trial === undefined) return true;
    await this.#parts.updates.setHealthy(this.#version, process.pid);
    while (!signal.aborted) {
      const update = await this.#parts.updates.update();
      if (update?.state !== 'trying') {
        this.#trial = undefined;
        if (update !== undefined) await this.#conclude(update);
        return true;
      }
      await sleep(POLL_MS, signal);
    }
    return false;
  }

  async #conclude(update: Update): Promise<void> {
    const entry = this.#parts.journal.get(update.task_id);
    if (entry !== undefined && entry.state !== 'done') {
      await this.#parts.runner.finish(update.task_id, this.#outcome(update));
    }
    await this.#parts.updates.dropUpdate();
  }

  #outcome(update: Update): Outcome {
    if (update.state === 'committed' && update.to === this.#version) {
      return completed({ version: update.to, previous_version: update.from, already_running: false });
    }
    const reason = update.reason ?? 'the agent runs without its launcher';
    return failed(`Version ${update.to} did not come up: ${reason}. Version ${this.#version} runs again.`, {
      version: this.#version,
      tried_version: update.to,
      rolled_back: true,
    });
  }
}
