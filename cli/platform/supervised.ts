import { messageOf } from '../engines/errors.ts';
import { note, type Progress, warn } from '../engines/progress.ts';
import type { RunningProcess } from '../engines/running.ts';

export interface SupervisedOptions<T extends RunningProcess> {
  readonly name: string;
  readonly launch: (signal: AbortSignal) => Promise<T>;
  readonly progress: Progress;
  /** First and longest pause before a restart, and the time up after which the pause is short again. */
  readonly backoff?: { readonly firstMs: number; readonly longestMs: number; readonly stableMs: number };
}

const BACKOFF = { firstMs: 500, longestMs: 30_000, stableMs: 60_000 };

/** Keeps one process running: when it dies it is started again, after pauses that grow while it keeps dying. */
export class Supervised<T extends RunningProcess> {
  readonly #options: SupervisedOptions<T>;
  #wanted = false;
  #current: T | undefined;
  #ending: T | undefined;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #launching: Promise<void> | undefined;
  #abort: AbortController | undefined;

  constructor(options: SupervisedOptions<T>) {
    this.#options = options;
  }

  get current(): T | undefined {
    return this.#current;
  }

  /** Starts it and returns when it is ready. @throws what the launch throws; then it is not tried again. */
  async start(): Promise<void> {
    this.#wanted = true;
    try {
      await this.#launch();
    } catch (error) {
      this.#wanted = false;
      throw error;
    }
  }

  /** Ends it cleanly and leaves it down. */
  async stop(): Promise<void> {
    await this.#halt((running) => running.stop());
  }

  /** Ends it at once (SIGKILL) and leaves it down, until `start` or `restart`. */
  async kill(): Promise<void> {
    await this.#halt((running) => running.kill());
  }

  /** Ends it cleanly when it runs, and starts it; also after `kill`. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async #halt(end: (running: T) => Promise<void>): Promise<void> {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#abort?.abort(new Error(`${this.#options.name} is stopped`));
    await this.#launching?.catch(() => undefined);
    // A kill may come while a stop still waits for the same process.
    const running = this.#current ?? this.#ending;
    this.#current = undefined;
    if (running === undefined) return;
    this.#ending = running;
    await end(running);
    if (this.#ending === running) this.#ending = undefined;
  }

  #launch(): Promise<void> {
    const controller = new AbortController();
    this.#abort = controller;
    const launching = this.#options.launch(controller.signal).then(async (running) => {
      if (!this.#wanted) return running.stop();
      this.#current = running;
      const since = performance.now();
      running.exited.then((how) => this.#ended(running, how, performance.now() - since));
    });
    this.#launching = launching;
    return launching;
  }

  #ended(running: T, how: string, upMs: number): void {
    if (this.#current !== running) return;
    this.#current = undefined;
    const { stableMs } = this.#options.backoff ?? BACKOFF;
    if (upMs >= stableMs) this.#failures = 0;
    this.#again(`${this.#options.name} ended unexpectedly (${how})`);
  }

  #again(why: string): void {
    if (!this.#wanted) return;
    const { firstMs, longestMs } = this.#options.backoff ?? BACKOFF;
    const pauseMs = Math.min(firstMs * 2 ** this.#failures, longestMs);
    this.#failures += 1;
    warn(this.#options.progress, `${why}; it is started again in ${pauseMs / 1_000} s`);
    this.#timer = setTimeout(() => {
      this.#launch().then(
        () => {
          if (this.#wanted) note(this.#options.progress, `${this.#options.name} runs again`);
        },
        (error: unknown) => this.#again(`${this.#options.name} did not come up: ${messageOf(error)}`),
      );
    }, pauseMs);
  }
}
