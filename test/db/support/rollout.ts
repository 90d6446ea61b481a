import { randomUUID } from 'node:crypto';
import { lookAt } from '../../../activities/deployment/look.ts';
import type { Tags } from '../../../contracts/agent/agent.ts';
import type { Actor } from '../../../contracts/audit/audit.ts';
import {
  type CreateDeployment,
  createDeploymentSchema,
  type Deployment,
  type DeploymentDevice,
} from '../../../contracts/deployment/deployment.ts';
import type { DeploymentPass } from '../../../contracts/deployment/pass.ts';
import type { DeviceState } from '../../../contracts/deployment/states.ts';
import type { TestDatabase } from '../../harness/database.ts';
import { Fleet, OPERATOR } from './fleet.ts';

export const APPROVER: Actor = { type: 'operator', id: 'test-approver' };

const hash = (): string => randomUUID().replaceAll('-', '').repeat(2);

/** A request as people write it, before it is read. */
interface Request {
  readonly pipeline_id: string;
  readonly plan?: object;
  readonly selection?: object;
  readonly detection?: object;
  readonly base_at?: string;
  readonly name?: string;
}

export interface PipelineOptions {
  readonly version?: string;
  readonly name?: string;
  readonly format?: 'deb' | 'rpm' | 'msi';
  readonly status?: 'PASSED' | 'BUILDING';
  readonly exceptions?: readonly string[];
  readonly evidence?: boolean;
  readonly findings?: object;
  /** Whether the platform knows who signed it. */
  readonly signer?: boolean;
}

/** Agents without API and packages without factory: what deployments need of both, as their tables hold it. */
export class Rollouts {
  readonly database: TestDatabase;
  readonly fleet: Fleet;
  #clock = 0;

  constructor(database: TestDatabase) {
    this.database = database;
    this.fleet = new Fleet(database);
  }

  /** A pipeline that passed, with its evidence. @returns its id */
  async pipeline(options: PipelineOptions = {}): Promise<string> {
    const { version = '1.0.0', name = 'tool', format = 'deb', status = 'PASSED', exceptions = [] } = options;
    const findings = options.findings ?? { critical: 0, high: 0, medium: 0, low: 0, unknown: 0 };
    const output = status === 'PASSED' ? hash() : null;
    const thumbprint = hash();
    if (options.signer !== false) {
      const key = { thumbprint, material: `key of ${name}`, subject: 'Test', expires_at: null };
      await this.database.stores.signingKeys.note(key);
    }
    const { rows } = await this.database.pool.query<{ id: string }>(
      `INSERT INTO packaging_pipeline (id, package_name, package_version, platform, format, status, source_artifact_hash,
         source_name, description, policy, sbom_format, signing_key, exception_ids, scan_summary, scan_pass,
         output_artifact_hash, output_artifact_name, output_artifact_bytes, signing_certificate_thumbprint,
         correlation_id, created_by, created_at, ended_at)
       VALUES (uuid7(), $1, $2, $3, $4, $5, $6, 'source', $7, '{}', 'cyclonedx', 'default', $8, $9, $10, $11, 'p', 1000, $12, 'test', 'builder', now(), $13)
       RETURNING id`,
      [
        name,
        version,
        format === 'msi' ? 'windows' : 'linux',
        format,
        status,
        hash(),
        JSON.stringify({ name, version, ...(format === 'msi' ? {} : { release: '1' }) }),
        exceptions,
        JSON.stringify(findings),
        status === 'PASSED' ? true : null,
        output,
        thumbprint,
        status === 'PASSED' ? new Date() : null,
      ],
    );
    const id = rows[0]?.id ?? '';
    if (status === 'PASSED' && options.evidence !== false) {
      await this.database.pool.query(
        `INSERT INTO evidence_pack (id, sha256, pipeline_id, signer_thumbprint, created_at) VALUES (uuid7(), $1, $2, $3, now())`,
        [hash(), id, hash()],
      );
    }
    return id;
  }

  /** An approved exception. @returns its id */
  async exception(seconds: number, name = 'tool'): Promise<string> {
    const { policyExceptions } = this.database.stores;
    const request = {
      package_name: name,
      cve_ids: ['CVE-2026-1'],
      reason: 'test',
      expires_in_seconds: seconds,
    };
    const { id } = await policyExceptions.request(request, OPERATOR, 'test');
    await policyExceptions.approve(id, APPROVER, 'test');
    return id;
  }

  /** Creates a deployment of what is online; rings default to one of all. */
  async create(request: Request, actor: Actor = OPERATOR) {
    const parsed: CreateDeployment = createDeploymentSchema.parse({
      plan: { rings: [ring('all', { rest: true })], ...request.plan },
      ...Object.fromEntries(Object.entries(request).filter(([key]) => key !== 'plan')),
    });
    return this.database.stores.deployments.create(parsed, { actor, correlationId: 'test' });
  }

  /** A deployment that needs no approval, or has it. @returns its id */
  async begin(request: Request): Promise<string> {
    const creation = await this.create(request);
    if (creation.kind !== 'created') throw new Error(JSON.stringify(creation));
    const { id, status } = creation.deployment;
    if (status === 'AWAITING_APPROVAL') {
      const decision = { decision: 'approve' as const, comment: '' };
      await this.database.stores.deployments.decide(id, decision, APPROVER, 'test');
    }
    return id;
  }

  async online(count: number, tags: Tags = {}): Promise<string[]> {
    const ids: string[] = [];
    while (ids.length < count) ids.push(await this.fleet.online(tags));
    return ids;
  }

  /** One look at the deployment, as its activity has it. */
  async look(id: string): Promise<DeploymentPass> {
    const pass = await this.database.stores.deployments.rollout.look(id, lookAt);
    if (pass === undefined) throw new Error(`No deployment ${id}`);
    return pass;
  }

  /** Looks until nothing moves any more; time stands still. */
  async settle(id: string): Promise<DeploymentPass> {
    for (let looks = 0; looks < 100; looks += 1) {
      const pass = await this.look(id);
      if (!pass.progressed) return pass;
    }
    throw new Error('The deployment does not come to rest');
  }

  /** Lets time pass for the database. */
  async pass(seconds: number): Promise<void> {
    this.#clock += seconds;
    await this.database.setClock(this.#clock);
    await this.fleet.listen();
  }

  async show(id: string): Promise<Deployment> {
    const deployment = await this.database.stores.deployments.find(id);
    if (deployment === undefined) throw new Error(`No deployment ${id}`);
    return deployment;
  }

  async rings(id: string): Promise<string[]> {
    return ((await this.database.stores.deployments.rings(id)) ?? []).map(({ state }) => state);
  }

  async devices(id: string, state?: DeviceState): Promise<DeploymentDevice[]> {
    const page = await this.database.stores.deployments.devices(id, {
      limit: 500,
      ...(state === undefined ? {} : { state }),
    });
    return page?.items ?? [];
  }

  /** Devices in these states say how their tasks went, by a heartbeat and the words of an agent. */
  async work(
    id: string,
    how: (
      device: DeploymentDevice,
    ) => 'install' | 'ignore' | { readonly fail: string; readonly kind?: string } = () => 'install',
  ): Promise<number> {
    const { tasks } = this.database.stores;
    let worked = 0;
    for (const state of ['DISPATCHED', 'ROLLING_BACK'] as const) {
      for (const device of await this.devices(id, state)) {
        const did = how(device);
        const task = state === 'DISPATCHED' ? device.task_id : device.rollback_task_id;
        if (did === 'ignore' || task === null) continue;
        await this.fleet.heartbeat(device.agent_id);
        await tasks.takeWord(task, device.agent_id, { word: 'start' }, 'test');
        const failed = did === 'install' ? undefined : did;
        const result = failed?.kind === undefined ? null : { failure_kind: failed.kind };
        await tasks.takeWord(
          task,
          device.agent_id,
          failed === undefined
            ? { word: 'complete', result: {} }
            : { word: 'fail', error_message: failed.fail, result },
          'test',
        );
        worked += 1;
      }
    }
    return worked;
  }

  /** Measurements of a device, at the database's time. */
  async measure(agentId: string, cpu: number, memory = 30): Promise<void> {
    await this.database.pool.query(
      `INSERT INTO telemetry (agent_id, collected_at, received_at, cpu_percent, memory_percent) VALUES ($1, now(), now(), $2, $3)`,
      [agentId, cpu, memory],
    );
  }

  async audited(id: string, action: string) {
    const { items } = await this.database.stores.audit.list({ object_id: id, action, limit: 100 });
    return items;
  }
}

export function ring(name: string, size: object, more: object = {}): object {
  return { name, size, soak_seconds: 0, ...more };
}
