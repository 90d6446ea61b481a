import { realpath } from 'node:fs/promises';
import type { Logger } from '../log.ts';
import { completed, failed } from '../tasks/executor.ts';
import type { Outcome } from '../tasks/journal.ts';
import { sleep } from '../timing.ts';
import type { Update } from '../update/state.ts';
import type { Parts } from './parts.ts';

const POLL_MS = 100;

export interface WatchOptions {
  readonly parts: Parts;
  readonly version: string;
  /** The file that this process runs. */
  readonly file: string | undefined;
  readonly supervised: boolean;
  readonly log: Logger;
}

const real = (path: string): Promise<string> => realpath(path).catch(() => path);

/** The worker's side of an update: proves a version on trial, and tells how an update went that is over. */
export class UpdateWatch {
  readonly #parts: Parts;
  readonly #version: string;
  readonly #log: Logger;
  readonly #file: string | undefined;
  readonly #supervised: boolean;
  #trial: Update | undefined;

  constructor({ parts, version, file, supervised, log }: WatchOptions) {
    this.#parts = parts;
    this.#version = version;
    this.#file = file;
    this.#supervised = supervised;
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

  /** Resolves with false when this process must end at once, having told the launcher why. */
  async begin(): Promise<boolean> {
    const update = await this.#parts.updates.update();
    if (update === undefined) return true;
    if (update.state === 'trying' && update.to === this.#version) {
      this.#trial = update;
      this.#log.info('This version is on trial', { version: update.to });
      return true;
    }
    if (update.state === 'trying' && (await this.#isTrialOf(update))) {
      this.#log.error(
        'This version was installed as another one and ends; the artifact of the update is not what its task says',
        { version: this.#version, expected_version: update.to },
      );
      await this.#parts.updates
        .setHealthy(this.#version, process.pid)
        .catch((error: unknown) => this.#log.error('The launcher could not be told', { error }));
      return false;
    }
    await this.#conclude(update);
    return true;
  }

  /** Whether this process runs the file that is on trial, whatever version it is. */
  async #isTrialOf(update: Update): Promise<boolean> {
    if (!this.#supervised || this.#file === undefined) return false;
    return (await real(this.#file)) === (await real(this.#parts.updates.file(update.to)));
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
        await this.#conclude(update ?? (await this.#unnoted(this.#trial)));
        this.#trial = undefined;
        return true;
      }
      await sleep(POLL_MS, signal);
    }
    return false;
  }

  /** What the launcher decided, but the disk did not take: it then names the current version only. */
  async #unnoted(trial: Update): Promise<Update> {
    const current = await this.#parts.updates.current();
    return { ...trial, state: current?.version === this.#version ? 'committed' : 'rolled_back' };
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
    const reason =
      update.reason ??
      (this.#supervised
        ? 'the launcher could not note its trial or its end (see its log)'
        : 'the agent runs without its launcher');
    return failed(`Version ${update.to} did not come up: ${reason}. Version ${this.#version} runs again.`, {
      version: this.#version,
      tried_version: update.to,
      rolled_back: true,
    });
  }
}
