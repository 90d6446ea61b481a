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
  /** Run in place of the current version, which did not run; as long as this process lives. */
  #fallback: Chosen | undefined;

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
    while (!this.#stopping.signal.aborted) {
      try {
        const code = await this.#round();
        if (code !== undefined) return code;
      } catch (error) {
        // A disk that is full or broken must not end the agent: it may be what a task is to mend.
        await this.#pause('The launcher could not read or note versions', error);
      }
    }
    return EXIT.ok;
  }

  /** Runs one worker to its end; resolves with an exit code when the agent ends with it. */
  async #round(): Promise<number | undefined> {
    const trial = await this.#beginTrial();
    if (trial !== undefined) return this.#try(trial);
    const chosen = this.#fallback ?? (await this.#current());
    const began = Date.now();
    const code = await this.#start(chosen).exited;
    return this.#after(chosen, code, began);
  }

  /** What is to be done after a worker's end. */
  async #after(chosen: Chosen, code: number | null, began: number): Promise<number | undefined> {
    const { log } = this.#options;
    if (this.#stopping.signal.aborted) return EXIT.ok;
    if (code === EXIT.update) return undefined;
    if (code === EXIT.configuration) return this.#goBackOnce(chosen);
    if (Date.now() - began > STABLE_MS) this.#backoff.reset();
    const waitMs = this.#backoff.next();
    log.error('The worker ended unexpectedly and is started again', {
      version: chosen.version,
      exit_code: code,
      retry_in_ms: waitMs,
    });
    await sleep(waitMs, this.#stopping.signal);
    return undefined;
  }

  /** Settings that the version before could read may be wrong only for the new one: that is tried, once. */
  async #goBackOnce(chosen: Chosen): Promise<number | undefined> {
    const { state, log } = this.#options;
    const before = this.#fallback === undefined ? await this.#choice.before(chosen) : undefined;
    if (before === undefined) return EXIT.configuration;
    this.#fallback = before;
    const reason = `it ended with exit code ${EXIT.configuration}: settings or enrolment are wrong for it`;
    log.error('The version that was updated to does not run; going back', {
      version: chosen.version,
      to: before.version,
      reason,
    });
    const update = await state.update();
    // The task was not told yet that the update went well, and must not be.
    if (update?.state === 'committed') await this.#note({ ...update, state: 'rolled_back', reason });
    return undefined;
  }

  /** The version to run; when not even that can be read or noted, the builtin. */
  async #current(): Promise<Chosen> {
    try {
      return await this.#choice.current();
    } catch (error) {
      this.#options.log.error('The current version cannot be told; the package’s own is used', { error });
      return this.#options.builtin;
    }
  }

  /** Notes that an update is tried. Undefined when there is none, or it cannot be noted: then it is not tried. */
  async #beginTrial(): Promise<Update | undefined> {
    const { state } = this.#options;
    try {
      const update = await state.update();
      if (update?.state !== 'requested' && update?.state !== 'trying') return undefined;
      const { attempts } = update;
      const flaw =
        attempts >= MAX_ATTEMPTS
          ? `it was tried ${attempts} times without an end`
          : await this.#choice.flawOf(state.file(update.to), update.sha256);
      if (flaw !== undefined) {
        await this.#rollBack(update, flaw);
        return undefined;
      }
      await state.dropHealthy();
      return await state.setUpdate({ ...update, state: 'trying', attempts: attempts + 1 });
    } catch (error) {
      await this.#pause('An update cannot be tried; the running version goes on', error);
      return undefined;
    }
  }

  async #pause(message: string, error: unknown): Promise<void> {
    const waitMs = this.#backoff.next();
    this.#options.log.error(message, { error, retry_in_ms: waitMs });
    await sleep(waitMs, this.#stopping.signal);
  }

  #start(chosen: Chosen): Worker {
    this.#options.log.info('Starting the worker', { version: chosen.version, file: chosen.file });
    this.#worker = this.#options.spawn(chosen.file);
    // A stop that came while the version was being chosen found no worker to end.
    if (this.#stopping.signal.aborted) this.#worker.stop('SIGTERM', this.#options.stopMs);
    return this.#worker;
  }

  /** Runs a new version until it has proven itself and ended, or rolls back. */
  async #try(update: Update): Promise<number | undefined> {
    const { state, log, stopMs } = this.#options;
    const chosen = { version: update.to, file: state.file(update.to) };
    log.info('Trying a new version', {
      version: update.to,
      health_timeout_seconds: update.health_timeout_seconds,
    });
    const began = Date.now();
    const worker = this.#start(chosen);
    const reason = (await this.#verdict(worker, update)) ?? (await this.#commit(update));
    if (reason === undefined) {
      const code = await worker.exited;
      log.info('The worker ended', { version: update.to, exit_code: code });
      return code === EXIT.configuration ? this.#after(chosen, code, began) : undefined;
    }
    if (this.#stopping.signal.aborted) {
      await worker.exited;
      // The trial was cut short, not failed: the next start of the launcher begins it anew.
      await this.#note({ ...update, attempts: update.attempts - 1 });
      return undefined;
    }
    worker.stop('SIGTERM', Math.min(2_000, stopMs));
    await worker.exited;
    await this.#rollBack(update, reason);
    return undefined;
  }

  /** Makes a version that has proven itself the current one; else resolves with why it cannot be. */
  async #commit(update: Update): Promise<string | undefined> {
    const { state, log, builtin, versions } = this.#options;
    const current = await this.#insist(async () => {
      const before = await state.current();
      await state.setCurrent({
        version: update.to,
        sha256: update.sha256,
        launcher: builtin.version,
        ...(before?.version === update.from
          ? { previous: before.version, previous_sha256: before.sha256 }
          : {}),
      });
    });
    if (current !== undefined) return `it could not be noted as current: ${current}`;
    this.#fallback = undefined;
    this.#backoff.reset();
    const noted = await this.#insist(() => state.setUpdate({ ...update, state: 'committed' }));
    // A full disk still removes; that the update is over the worker then tells by what is current.
    if (noted !== undefined) await this.#insist(() => state.dropUpdate());
    log.info('The new version has proven itself', { version: update.to });
    await this.#insist(() => removeOtherVersions(versions, [update.to, update.from]));
    return undefined;
  }

  /** Tries something with the disk a few times; resolves with what was wrong, if it stayed so. */
  async #insist(act: () => Promise<unknown>): Promise<string | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await act();
        return undefined;
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || this.#stopping.signal.aborted) return messageOf(error);
        await this.#pause('The launcher could not note versions', error);
      }
    }
  }

  async #note(update: Update): Promise<void> {
    const failure = await this.#insist(() => this.#options.state.setUpdate(update));
    if (failure !== undefined) this.#options.log.error('The update could not be noted', { reason: failure });
  }

  /** Undefined when the version is healthy in time, else why it is not. */
  async #verdict(worker: Worker, update: Update): Promise<string | undefined> {
    const until = Date.now() + update.health_timeout_seconds * 1_000;
    let exit: { code: number | null } | undefined;
    void worker.exited.then((code) => {
      exit = { code };
    });
    while (!this.#stopping.signal.aborted) {
      const own = await this.#options.state.ownWord(worker.pid).catch(() => undefined);
      if (own === update.to) return undefined;
      if (own !== undefined) return `its artifact is version ${own}, not ${update.to}`;
      if (exit !== undefined) return `it ended with exit code ${exit.code} before its first heartbeat`;
      if (Date.now() >= until) return `no heartbeat was answered within ${update.health_timeout_seconds} s`;
      await sleep(this.#options.pollMs ?? 200, this.#stopping.signal);
    }
    return 'the launcher was stopped';
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
