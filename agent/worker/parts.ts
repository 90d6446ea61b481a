import { Agent, type Dispatcher, interceptors } from 'undici';
import type { AgentConfig } from '../config.ts';
import { Downloader } from '../deploy/download.ts';
import { installerFor } from '../deploy/native.ts';
import { Enrolment } from '../identity/enrolment.ts';
import { fingerprintOf } from '../identity/hardware.ts';
import { Session } from '../identity/session.ts';
import { IdentityStore } from '../identity/store.ts';
import type { Logger } from '../log.ts';
import type { Run } from '../process/run.ts';
import type { BackoffOptions } from '../protocol/backoff.ts';
import { Courier } from '../queue/courier.ts';
import { Outbox } from '../queue/outbox.ts';
import { type Home, homeAt } from '../storage/home.ts';
import { describeMachine, hardwareFacts } from '../system/facts.ts';
import { Tools } from '../system/tools.ts';
import { collectExecutor } from '../tasks/collect.ts';
import { deployExecutor } from '../tasks/deploy.ts';
import { Journal } from '../tasks/journal.ts';
import { remediateExecutor } from '../tasks/remediate.ts';
import { TaskRunner } from '../tasks/runner.ts';
import { updateExecutor } from '../tasks/update.ts';
import { ResourceMeter } from '../telemetry/resources.ts';
import { Sampler } from '../telemetry/sampler.ts';
import { Troubles } from '../troubles.ts';
import { UpdateState } from '../update/state.ts';

export interface PartsOptions {
  readonly config: AgentConfig;
  readonly log: Logger;
  readonly version: string;
  readonly supervised: boolean;
  readonly run: Run;
  readonly platform: NodeJS.Platform;
  readonly isRoot: boolean;
  readonly backoff?: BackoffOptions | undefined;
  readonly reenrolmentIntervalMs?: number | undefined;
}

/** What the platform asked for last; intervals in milliseconds. */
export interface Rhythm {
  heartbeatMs: number;
  telemetryMs: number;
}

export interface Parts {
  readonly home: Home;
  readonly tools: Tools;
  readonly troubles: Troubles;
  readonly store: IdentityStore;
  readonly session: Session;
  readonly enrolment: Enrolment;
  readonly outbox: Outbox;
  readonly courier: Courier;
  readonly journal: Journal;
  readonly runner: TaskRunner;
  readonly sampler: Sampler;
  readonly updates: UpdateState;
  readonly rhythm: Rhythm;
  /** Called when an UPDATE wants the launcher to act. */
  onHandover: () => void;
  close(): Promise<void>;
}

/** Puts the agent together; nothing runs yet. */
export async function buildParts(options: PartsOptions): Promise<Parts> {
  const { config, log, version } = options;
  const home = homeAt(config.home);
  const tools = new Tools(options.run, config.childEnvironment, options.platform);
  const troubles = new Troubles();
  const store = new IdentityStore(home);
  const session = new Session({
    server: config.server,
    ca: config.ca,
    http2: config.http2,
    userAgent: `eucora-agent/${version}`,
  });
  const enrolment = new Enrolment({
    store,
    session,
    registrationKey: config.registrationKey,
    hardwareId: config.hardwareId,
    fingerprint: fingerprintOf(
      config.hardwareId === undefined
        ? await hardwareFacts(tools)
        : { machineId: undefined, productUuid: undefined, macs: [] },
    ),
    describe: () => describeMachine(tools, version),
    log,
    ...(options.reenrolmentIntervalMs === undefined
      ? {}
      : { reenrolmentIntervalMs: options.reenrolmentIntervalMs }),
  });
  const outbox = new Outbox({
    directory: home.queue,
    maxRecords: config.queueMaxRecords,
    maxBytes: config.queueMaxBytes,
    log,
    troubles,
  });
  const backoff = options.backoff === undefined ? {} : { backoff: options.backoff };
  const limits = () => session.identity.configuration.limits;
  const courier = new Courier({ outbox, peer: () => session, limits, log, troubles, ...backoff });
  const journal = new Journal(home.tasks, log);
  const sampler = new Sampler({
    tools,
    meter: new ResourceMeter(options.platform),
    toldFile: home.telemetry,
    agentId: () => session.agentId,
    maxBytes: () => limits().max_body_bytes,
  });
  const updates = new UpdateState(home);
  let elsewhere: Dispatcher | undefined;
  const downloader = new Downloader({
    directory: home.downloads,
    maxBytes: config.artifactMaxBytes,
    server: config.server,
    platform: () => session.connection.dispatcher,
    elsewhere: () => {
      elsewhere ??= new Agent().compose(interceptors.redirect({ maxRedirections: 5 }));
      return elsewhere;
    },
    log,
    ...backoff,
  });
  const rhythm: Rhythm = { heartbeatMs: 60_000, telemetryMs: 300_000 };
  const runner = new TaskRunner({
    journal,
    outbox,
    courier,
    concurrency: config.concurrency,
    log,
    troubles,
    heartbeatMs: () => rhythm.heartbeatMs,
    onHandover: () => parts.onHandover(),
    executors: {
      COLLECT: collectExecutor({
        system: async () => ({ ...(await describeMachine(tools, version)) }),
        software: () => sampler.software(),
        telemetry: () => sampler.resources(),
      }),
      DEPLOY: deployExecutor({
        downloader,
        tools,
        scratch: home.scratch,
        installerFor: (format) =>
          installerFor(format, {
            tools,
            isRoot: options.isRoot,
            installRoot: config.installRoot,
            defaultRoot: home.installRoot,
            scratch: home.scratch,
          }),
      }),
      REMEDIATE: remediateExecutor({
        scratch: home.scratch,
        run: options.run,
        env: config.childEnvironment,
        platform: options.platform,
      }),
      UPDATE: updateExecutor({ downloader, state: updates, supervised: options.supervised, version }),
    },
  });
  const parts: Parts = {
    home,
    tools,
    troubles,
    store,
    session,
    enrolment,
    outbox,
    courier,
    journal,
    runner,
    sampler,
    updates,
    rhythm,
    onHandover: () => undefined,
    async close() {
      await session.close();
      await elsewhere?.destroy();
    },
  };
  return parts;
}
