import { randomUUID } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { HeartbeatResponse } from '../../contracts/agent/heartbeat.ts';
import { ConfigurationError, EXIT } from '../exit-codes.ts';
import { type Logger, messageOf } from '../log.ts';
import { killOrphans } from '../process/orphans.ts';
import { Backoff, spread } from '../protocol/backoff.ts';
import { PlatformError } from '../protocol/errors.ts';
import { prepareHome } from '../storage/home.ts';
import { acquireLock } from '../storage/lock.ts';
import type { HeldLock } from '../storage/lock-file.ts';
import { sleep } from '../timing.ts';
import { HeartbeatLoop, heartbeatBody } from './heartbeat.ts';
import { IdentityKeeper, type KeeperOptions } from './identity-keeper.ts';
import { buildParts, type Parts, type PartsOptions } from './parts.ts';
import { UpdateWatch } from './update-watch.ts';

export interface WorkerOptions extends PartsOptions {
  readonly slow?: KeeperOptions['slow'];
  readonly minIntervalMs?: number;
  /** The file that this process runs, by which a version on trial knows that it is. */
  readonly file?: string;
  /** How long to wait for a worker that is just ending. */
  readonly lockWaitMs?: number;
}

const OLD_DOWNLOAD_MS = 604_800_000;
const FLUSH_MS = 3_000;

/** The agent at work: enrols, says heartbeats, takes telemetry, does tasks, until it is stopped. */
export class AgentWorker {
  readonly #options: WorkerOptions;
  readonly #parts: Parts;
  readonly #keeper: IdentityKeeper;
  readonly #log: Logger;
  readonly #instanceId = randomUUID();
  readonly #stopping = new AbortController();
  #exitCode: number = EXIT.ok;

  private constructor(options: WorkerOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#log = options.log;
    this.#keeper = new IdentityKeeper({ parts, log: options.log, slow: options.slow });
    parts.onHandover = () => {
      this.#exitCode = EXIT.update;
      this.stop();
    };
  }

  static async create(options: WorkerOptions): Promise<AgentWorker> {
    return new AgentWorker(options, await buildParts(options));
  }

  get parts(): Parts {
    return this.#parts;
  }

  /** Begins to stop; `run` then resolves. */
  stop(): void {
    this.#stopping.abort();
  }

  /**
   * Works until stopped; resolves with the exit code.
   * @throws ConfigurationError when only an operator can help
   */
  async run(): Promise<number> {
    await prepareHome(this.#parts.home);
    const lock = await acquireLock(this.#parts.home.workerLock, this.#options.lockWaitMs ?? 15_000);
    try {
      await this.#prepare();
      await this.#identify();
      if (!this.#stopping.signal.aborted) await this.#work();
    } finally {
      await this.#finish(lock);
    }
    return this.#exitCode;
  }

  /** One heartbeat, for diagnosis; tasks that it hands over are kept for the next `run`. */
  async once(): Promise<HeartbeatResponse> {
    await prepareHome(this.#parts.home);
    const lock = await acquireLock(this.#parts.home.workerLock);
    const { session, journal, outbox, runner } = this.#parts;
    try {
      await outbox.load();
      await journal.load();
      const identity = await this.#parts.store.load();
      if (identity === undefined) await this.#parts.enrolment.enrol();
      else session.adopt(identity);
      const body = heartbeatBody(this.#parts, this.#options.version, this.#instanceId);
      const answer = await session.client.heartbeat(session.agentId, body);
      await runner.accept(answer.pending_tasks);
      return answer;
    } finally {
      await this.#parts.close();
      await lock.release();
    }
  }

  async #prepare(): Promise<void> {
    const { home, outbox, journal } = this.#parts;
    const orphans = await killOrphans(home.scratch);
    if (orphans > 0) this.#log.warn('Scripts that an earlier agent left running were ended', { orphans });
    for (const name of await readdir(home.scratch)) {
      await rm(join(home.scratch, name), { recursive: true, force: true });
    }
    for (const name of await readdir(home.downloads)) {
      const path = join(home.downloads, name);
      if (Date.now() - (await stat(path)).mtimeMs > OLD_DOWNLOAD_MS) await rm(path, { force: true });
    }
    await outbox.load();
    await journal.load();
  }

  /** Settles who this agent is, however long the platform is away. */
  async #identify(): Promise<void> {
    const { store, session, enrolment } = this.#parts;
    const backoff = new Backoff({ capMs: 300_000, ...this.#options.backoff });
    while (!this.#stopping.signal.aborted) {
      const identity = await store.load();
      try {
        if (identity === undefined) await enrolment.enrol();
        else if (enrolment.belongsHere(identity)) {
          await this.#keeper.finish(identity);
          session.adopt(identity);
        } else {
          this.#log.warn('This identity was made on another machine', { agent_id: identity.agent_id });
          await this.#keeper.becomeOneself(identity);
        }
        return;
      } catch (error) {
        if (error instanceof ConfigurationError) throw error;
        const waitMs = backoff.next(error instanceof PlatformError ? error.retryAfterMs : 0);
        this.#log.warn('The agent could not enrol yet', { error, retry_in_ms: waitMs });
        await sleep(waitMs, this.#stopping.signal);
      }
    }
  }

  async #work(): Promise<void> {
    const { parts, keeper } = { parts: this.#parts, keeper: this.#keeper };
    const { configuration } = parts.session.identity;
    const { signal } = this.#stopping;
    parts.rhythm.heartbeatMs = Math.max(
      this.#options.minIntervalMs ?? 1_000,
      configuration.heartbeat_interval_seconds * 1_000,
    );
    parts.rhythm.telemetryMs = Math.max(
      this.#options.minIntervalMs ?? 1_000,
      configuration.telemetry_interval_seconds * 1_000,
    );
    const { version, file, supervised } = this.#options;
    const watch = new UpdateWatch({ parts, version, file, supervised, log: this.#log });
    if (!(await watch.begin())) {
      this.#exitCode = EXIT.wrongVersion;
      return;
    }
    await parts.runner.recover(watch.pendingTaskId);
    parts.courier.start();
    // Nothing is sent before a heartbeat has shown that the identity holds.
    parts.courier.block(true);
    const heartbeat = new HeartbeatLoop({
      parts,
      keeper,
      log: this.#log,
      version: this.#options.version,
      instanceId: this.#instanceId,
      startJitterMs: watch.onTrial ? 0 : this.#options.config.startJitterMs,
      backoff: this.#options.backoff,
      minIntervalMs: this.#options.minIntervalMs,
      onAnswer: async (answer) => {
        await parts.runner.accept(answer.pending_tasks);
        if (await watch.proven(signal)) parts.runner.resume();
      },
    });
    // Tasks accepted earlier are done even if the platform is away, but not by a version on trial.
    if (!watch.onTrial) parts.runner.resume();
    this.#log.info('The agent is at work', {
      agent_id: parts.session.agentId,
      version: this.#options.version,
    });
    await Promise.all([heartbeat.run(signal), this.#telemetry(signal), this.#tick(signal)]);
  }

  async #telemetry(signal: AbortSignal): Promise<void> {
    const { sampler, courier, rhythm, troubles } = this.#parts;
    await sleep(Math.random() * this.#options.config.startJitterMs, signal);
    while (!signal.aborted) {
      if (!this.#keeper.shutOut) {
        try {
          const { sample, kept } = await sampler.sample();
          void courier.send({ kind: 'telemetry', sample });
          await kept();
          troubles.clear('telemetry');
        } catch (error) {
          this.#log.error('Telemetry could not be taken', { error });
          troubles.report('telemetry', messageOf(error));
        }
      }
      await sleep(spread(rhythm.telemetryMs, 0.1), signal);
    }
  }

  async #tick(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(this.#parts.rhythm.heartbeatMs, signal);
      if (!signal.aborted) this.#parts.runner.tick();
    }
  }

  async #finish(lock: HeldLock): Promise<void> {
    const { runner, courier } = this.#parts;
    await runner.stop(this.#options.config.stopGraceMs);
    await courier.flush(FLUSH_MS);
    await courier.stop();
    await this.#parts.close();
    await lock.release();
    this.#log.info('The agent has stopped');
  }
}
