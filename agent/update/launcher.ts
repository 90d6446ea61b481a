import { EXIT } from '../exit-codes.ts';
import { type Logger, messageOf } from '../log.ts';
import { Backoff, type BackoffOptions } from '../protocol/backoff.ts';
import { sleep } from '../timing.ts';
import type { Update, UpdateState } from './state.ts';
import { type Chosen, removeOtherVersions, VersionChoice } from './versions.ts';
import type { SpawnWorker, Worker } from './worker-process.ts';

export interface LauncherOptions {
  readonly state: UpdateState;
  readonly spawn: SpawnWorker;
  /** The file that this process runs, and its version: what is run as long as there was no update. */
  readonly builtin: { readonly file: string; readonly version: string };
  readonly versions: string;
  readonly log: Logger;
  /** From the request to stop until the worker is ended by force. */
  readonly stopMs: number;
  readonly backoff?: BackoffOptions;
  readonly pollMs?: number;
}

/** A worker that ran this long was not a crash at start. */
const STABLE_MS = 60_000;
/** Trials of one update, counting those that the launcher's own end cut short. */
const MAX_ATTEMPTS = 3;

/**
 * Keeps one worker running: the current version, again after crashes, and new versions on trial. All decisions
 * on versions are made here, so that there is one place that can say what runs.
 */
export class Launcher {
  readonly #options: LauncherOptions;
  readonly #choice: VersionChoice;
  readonly #backoff: Backoff;
  readonly #stopping = new AbortController();
  #worker: Worker | undefined;

  constructor(options: LauncherOptions) {
    this.#options = options;
    this.#choice = new VersionChoice(options.state, options.builtin, options.log);
    this.#backoff = new Backoff({ capMs: 60_000, ...options.backoff });
  }

  /** Ends worker and launcher; `run` then resolves. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#stopping.abort();
    this.#worker?.stop(signal, this.#options.stopMs);
  }

  /** Runs until stopped; resolves with the exit code of the whole agent. */
  async run(): Promise<number> {
    const { log, state } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const update = await state.update();
      if (update?.state === 'requested' || update?.state === 'trying') {
        const code = await this.#try(update);
        if (code === EXIT.configuration) return code;
        continue;
      }
      const chosen = await this.#choice.current();
      const began = Date.now();
      const code = await this.#start(chosen).exited;
      if (this.#stopping.signal.aborted) break;
      if (code === EXIT.update) continue;
      if (code === EXIT.configuration) return code;
      if (Date.now() - began > STABLE_MS) this.#backoff.reset();
      const waitMs = this.#backoff.next();
      log.error('The worker ended unexpectedly and is started again', {
        version: chosen.version,
        exit_code: code,
        retry_in_ms: waitMs,
      });
      await sleep(waitMs, this.#stopping.signal);
    }
    return EXIT.ok;
  }

  #start(chosen: Chosen): Worker {
    this.#options.log.info('Starting the worker', { version: chosen.version, file: chosen.file });
    this.#worker = this.#options.spawn(chosen.file);
    // A stop that came while the version was being chosen found no worker to end.
    if (this.#stopping.signal.aborted) this.#worker.stop('SIGTERM', this.#options.stopMs);
    return this.#worker;
  }

  /** Runs a new version until it has proven itself and ended, or rolls back. */
  async #try(requested: Update): Promise<number | null> {
    const { state, log, builtin, versions } = this.#options;
    if (requested.attempts >= MAX_ATTEMPTS) {
      await this.#rollBack(requested, `it was tried ${requested.attempts} times without an end`);
      return null;
    }
    let update = await state.setUpdate({ ...requested, state: 'trying', attempts: requested.attempts + 1 });
    const file = state.file(update.to);
    const flaw = await this.#choice.flawOf(file, update.sha256);
    if (flaw !== undefined) {
      await this.#rollBack(update, flaw);
      return null;
    }
    await state.dropHealthy();
    log.info('Trying a new version', {
      version: update.to,
      health_timeout_seconds: update.health_timeout_seconds,
    });
    const worker = this.#start({ version: update.to, file });
    const reason = await this.#verdict(worker, update);
    if (this.#stopping.signal.aborted) {
      await worker.exited;
      // The trial was cut short, not failed: the next start of the launcher begins it anew.
      await state.setUpdate({ ...update, attempts: requested.attempts });
      return null;
    }
    if (reason !== undefined) {
      worker.stop('SIGTERM', Math.min(2_000, this.#options.stopMs));
      await worker.exited;
      await this.#rollBack(update, reason);
      return null;
    }
    const before = await state.current();
    await state.setCurrent({
      version: update.to,
      sha256: update.sha256,
      launcher: builtin.version,
      ...(before === undefined ? {} : { previous: before.version }),
    });
    update = await state.setUpdate({ ...update, state: 'committed' });
    log.info('The new version has proven itself', { version: update.to });
    await removeOtherVersions(versions, [update.to, update.from]);
    const code = await worker.exited;
    log.info('The worker ended', { version: update.to, exit_code: code });
    return code;
  }

  /** Undefined when the version is healthy in time, else why it is not. */
  async #verdict(worker: Worker, update: Update): Promise<string | undefined> {
    const until = Date.now() + update.health_timeout_seconds * 1_000;
    let exit: { code: number | null } | undefined;
    void worker.exited.then((code) => {
      exit = { code };
    });
    while (!this.#stopping.signal.aborted) {
      if (await this.#options.state.isHealthy(update.to, worker.pid)) return undefined;
      if (exit !== undefined) return `it ended with exit code ${exit.code} before its first heartbeat`;
      if (Date.now() >= until) return `no heartbeat was answered within ${update.health_timeout_seconds} s`;
      await sleep(this.#options.pollMs ?? 200, this.#stopping.signal);
    }
    return undefined;
  }

  async #rollBack(update: Update, reason: string): Promise<void> {
    const { state, log, versions } = this.#options;
    log.error('The new version did not come up; going back', { version: update.to, to: update.from, reason });
    try {
      await state.setUpdate({ ...update, state: 'rolled_back', reason });
      const current = await state.current();
      await removeOtherVersions(versions, current === undefined ? [] : [current.version, update.from]);
    } catch (error) {
      log.error('The rollback could not be noted', { reason: messageOf(error) });
      await sleep(this.#backoff.next(), this.#stopping.signal);
    }
  }
}
