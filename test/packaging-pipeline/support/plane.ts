import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { Client } from '@temporalio/client';
import { MockActivityEnvironment, type TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import type { PackagingPipelineActivities } from '../../../activities/packaging-pipeline/activities.ts';
import type { StoreMaintenanceActivities } from '../../../activities/store-maintenance/activities.ts';
import { parseConfig } from '../../../contracts/config.ts';
import { PACKAGING_TASK_QUEUE, packagingPipelineWorkflowId } from '../../../contracts/temporal.ts';
import { decidePolicy } from '../../../packaging/index.ts';
import { CertificateAuthority } from '../../../runtime/certificates/authority.ts';
import type { ContentStore } from '../../../runtime/content-store/content-store.ts';
import { openContentStore } from '../../../runtime/content-store/open.ts';
import { writePrivateFile } from '../../../runtime/files.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { WorkflowRelay } from '../../../workers/control-plane/workflow-relay.ts';
import { packagingPlaces, toolSettings } from '../../../workers/packaging/settings.ts';
import { packagingActivities } from '../../../workers/packaging/worker.ts';
import { ensureEvidenceKey } from '../../../workers/setup/evidence-key.ts';
import type { TestDatabase } from '../../harness/database.ts';
import { eventually } from '../../harness/eventually.ts';
import { withWorkflowCoverage } from '../../harness/temporal.ts';
import { parsedRequest } from './samples.ts';
import { SwiftTools } from './tools.ts';

export const ORIGIN = { actor: { type: 'operator', id: 'tester' }, correlationId: 'test' } as const;

/** A packaging worker on a real Temporal and a real Postgres, with tools that a test can steer. */
export class PackagingPlane {
  readonly tools = new SwiftTools();
  readonly client: Client;
  readonly relay: WorkflowRelay;
  readonly database: TestDatabase;
  readonly workspaces: string;
  readonly folder: string;
  readonly content: ContentStore;
  #worker: Worker;
  #running: Promise<void>;
  readonly #create: () => Promise<Worker>;
  readonly packIntentEvidence: PackagingPipelineActivities['packIntentEvidence'];
  readonly maintenance: StoreMaintenanceActivities;

  private constructor(parts: {
    client: Client;
    database: TestDatabase;
    folder: string;
    workspaces: string;
    content: ContentStore;
    tools: SwiftTools;
    worker: Worker;
    create: () => Promise<Worker>;
    packIntentEvidence: PackagingPipelineActivities['packIntentEvidence'];
    maintenance: StoreMaintenanceActivities;
  }) {
    this.tools = parts.tools;
    this.client = parts.client;
    this.database = parts.database;
    this.folder = parts.folder;
    this.workspaces = parts.workspaces;
    this.content = parts.content;
    this.#worker = parts.worker;
    this.#create = parts.create;
    this.packIntentEvidence = parts.packIntentEvidence;
    this.maintenance = parts.maintenance;
    this.#running = parts.worker.run();
    const outbox = parts.database.stores.workflowOutbox;
    this.relay = new WorkflowRelay({ client: parts.client, outbox, logger: createLogger('test', 'silent') });
  }

  static async start(env: TestWorkflowEnvironment, database: TestDatabase): Promise<PackagingPlane> {
    const folder = await mkdtemp(join(tmpdir(), 'eucora-packaging-'));
    const config = parseConfig({
      DATABASE_URL: database.url,
      EUCORA_DATA_DIR: folder,
      EUCORA_LOG_LEVEL: 'silent',
      // Where tests have their servers; all else inside is refused.
      EUCORA_SOURCE_ALLOWED_HOSTS: '127.0.0.1, files.test',
    });
    await CertificateAuthority.ensure(folder);
    await ensureEvidenceKey(config);
    const places = packagingPlaces(config);
    await mkdir(dirname(places.signingKeys), { recursive: true });
    await writePrivateFile(places.signingKeys, SIGNING_KEYS);
    const client = new Client({ connection: env.connection, namespace: env.namespace ?? 'default' });
    const tools = new SwiftTools();
    const { stores } = database;
    const activitiesOf = () =>
      packagingActivities({
        config,
        stores,
        client,
        logger: createLogger('test', 'silent'),
        settings: toolSettings(config, process.env['PATH'] ?? ''),
        tools,
        decide: decidePolicy,
      });
    const create = async () => {
      const { activities } = await activitiesOf();
      return Worker.create(
        await withWorkflowCoverage({
          connection: env.nativeConnection,
          namespace: env.namespace ?? 'default',
          taskQueue: PACKAGING_TASK_QUEUE,
          activities,
          maxHeartbeatThrottleInterval: '200 milliseconds',
          defaultHeartbeatThrottleInterval: '200 milliseconds',
        }),
      );
    };
    const { activities } = await activitiesOf();
    return new PackagingPlane({
      client,
      database,
      folder,
      workspaces: places.workspaces,
      content: await openContentStore(config, (stored) => stores.storedObjects.admit(stored)),
      tools,
      worker: await create(),
      create,
      packIntentEvidence: (id) => new MockActivityEnvironment().run(activities.packIntentEvidence, id),
      maintenance: activities,
    });
  }

  /** Keeps a source and creates a pipeline for it, whose workflow begins at once. @returns its id */
  async begin(changes: Record<string, unknown> = {}, { tell = true } = {}): Promise<string> {
    const { sha256, sizeBytes } = await this.content.add(Readable.from([Buffer.from('a program')]));
    const { artifacts, pipelines } = this.database.stores;
    await artifacts.add({ sha256, sizeBytes, name: 'hello' }, ORIGIN.actor, 'test');
    const created = await pipelines.create(parsedRequest(sha256, changes), ORIGIN);
    if (created.kind !== 'created') throw new Error(created.kind);
    if (tell) await this.relay.relayOnce();
    return created.pipeline.id;
  }

  handle(id: string) {
    return this.client.workflow.getHandle(packagingPipelineWorkflowId(id));
  }

  /** The pipeline once its workflow has ended. */
  async ended(id: string) {
    await this.handle(id).result();
    const pipeline = await this.database.stores.pipelines.find(id);
    if (pipeline === undefined) throw new Error('The pipeline is gone');
    return pipeline;
  }

  async log(id: string): Promise<string> {
    return (await this.database.stores.pipelines.logs.read(id, 0, 500))?.text ?? '';
  }

  async cancel(id: string): Promise<void> {
    await this.database.stores.pipelines.cancel(id, ORIGIN.actor, 'test');
    await eventually(async () => {
      if ((await this.relay.relayOnce()) === 0) throw new Error('Not told yet');
    });
  }

  /** As when a machine burns down with its disk. */
  async loseWorkspaces(): Promise<void> {
    // A step may be noting something.
    await rm(this.workspaces, { recursive: true, force: true, maxRetries: 5 });
  }

  /** A worker that knows of nothing but the workspaces takes over. */
  async replaceWorker(): Promise<void> {
    this.#worker.shutdown();
    await this.#running;
    this.#worker = await this.#create();
    this.#running = this.#worker.run();
  }

  async stop(): Promise<void> {
    this.#worker.shutdown();
    await this.#running;
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** It is read by each pipeline; swift tools look at none of its keys. */
const SIGNING_KEYS = JSON.stringify({
  keys: [
    {
      reference: 'default',
      kind: 'openpgp',
      secret: { type: 'command', command: ['false'], public_key: 'none.asc' },
    },
  ],
  authorities: [],
});
