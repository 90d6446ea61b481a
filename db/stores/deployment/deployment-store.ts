import type { PoolClient } from 'pg';
import type { Actor } from '../../../contracts/audit/audit.ts';
import type {
  CreateDeployment,
  Decision,
  DecisionRequest,
  Deployment,
  DeploymentDevice,
  DeploymentDeviceQuery,
  DeploymentListQuery,
  DeploymentRing,
} from '../../../contracts/deployment/deployment.ts';
import type { DeviceState, OperatorWord } from '../../../contracts/deployment/states.ts';
import type { Page } from '../../../contracts/http/common.ts';
import { type Database, inTransaction } from '../../database.ts';
import type { DeploymentRow, DeviceRow, RingRow } from '../../models/deployment.ts';
import type { Origin } from '../agent-task/creation.ts';
import { decodeCursor, toPage, UUID_KEY } from '../keyset.ts';
import { DeviceCounts } from './counts.ts';
import { createDeployment, type DeploymentCreation } from './creation.ts';
import { type DecisionAnswer, type DecisionRow, decide, toDecision } from './decisions.ts';
import { type MoveAnswer, moveDeployment } from './move.ts';
import { toDeployment, toDevice, toRing } from './records.ts';
import { RolloutStore } from './rollout-store.ts';

/** What people said with a word, or what it means where they said nothing. */
const REASONS: Readonly<Record<OperatorWord, string>> = {
  pause: 'Paused',
  resume: 'Goes on',
  abort: 'Aborted',
  roll_back: 'Is rolled back',
};

/** Deployments as operators see them. The row is the authority; its workflow drives it by {@link RolloutStore}. */
export class DeploymentStore {
  readonly rollout: RolloutStore;
  readonly #database: Database;
  readonly #riskThreshold: number;

  constructor(database: Database, options: { readonly riskThreshold: number }) {
    this.#database = database;
    this.#riskThreshold = options.riskThreshold;
    this.rollout = new RolloutStore(database.pool);
  }

  create(request: CreateDeployment, origin: Origin): Promise<DeploymentCreation> {
    return createDeployment(this.#database.pool, request, origin, this.#riskThreshold);
  }

  decide(id: string, request: DecisionRequest, actor: Actor, correlationId: string): Promise<DecisionAnswer> {
    return decide(this.#database.pool, id, request, actor, correlationId);
  }

  /** An operator's word. */
  say(
    id: string,
    word: OperatorWord,
    { actor, reason, correlationId }: { actor: Actor; reason: string; correlationId: string },
  ): Promise<MoveAnswer> {
    const told = `${REASONS[word]} by ${actor.id}${reason === '' ? '' : `: ${reason}`}`;
    return inTransaction(this.#database.pool, (client: PoolClient) =>
      moveDeployment(client, { id, word, actor, reason: told, correlationId }),
    );
  }

  async find(id: string): Promise<Deployment | undefined> {
    const [deployment] = await this.#withCounts('i.id = $1', [id], 1);
    return deployment;
  }

  async list(query: DeploymentListQuery): Promise<Page<Deployment>> {
    const params: unknown[] = [];
    const conditions = ['true'];
    for (const column of ['status', 'package_name', 'pipeline_id', 'correlation_id'] as const) {
      if (query[column] !== undefined) conditions.push(`i.${column} = $${params.push(query[column])}`);
    }
    if (query.cursor !== undefined)
      conditions.push(`i.id < $${params.push(decodeCursor('deployments', query.cursor, UUID_KEY))}`);
    const rows = await this.#withCounts(conditions.join(' AND '), params, query.limit + 1);
    return toPage(
      'deployments',
      rows,
      query.limit,
      (row) => row.id,
      (row) => row,
    );
  }

  async #withCounts(where: string, params: unknown[], limit: number): Promise<Deployment[]> {
    const { rows } = await this.#database.pool.query<
      DeploymentRow & { counts: Partial<Record<DeviceState, number>> | null; current_ring: number | null }
    >(
      `SELECT i.*, (SELECT max(position) FROM deployment_ring r WHERE r.deployment_id = i.id AND r.state <> 'WAITING') AS current_ring,
         (SELECT json_object_agg(state, devices) FROM (
            SELECT state, count(*) AS devices FROM deployment_device d WHERE d.deployment_id = i.id GROUP BY state) c) AS counts
       FROM (SELECT * FROM deployment_intent i WHERE ${where} ORDER BY id DESC LIMIT ${limit}) i ORDER BY i.id DESC`,
      params,
    );
    return rows.map(({ counts, current_ring, ...row }) => toDeployment(row, counts ?? {}, current_ring));
  }

  /** @returns undefined when there is no such deployment */
  async rings(id: string): Promise<DeploymentRing[] | undefined> {
    const deployment = await this.#row(id);
    if (deployment === undefined) return undefined;
    const { rows } = await this.#database.pool.query<RingRow>(
      'SELECT * FROM deployment_ring WHERE deployment_id = $1 ORDER BY position',
      [id],
    );
    const counts = await DeviceCounts.glance(this.#database.pool, id);
    return rows.flatMap((row) => toRing(deployment, row, counts) ?? []);
  }

  /** Devices in the order of their ids; undefined when there is no such deployment. */
  async devices(id: string, query: DeploymentDeviceQuery): Promise<Page<DeploymentDevice> | undefined> {
    const deployment = await this.#row(id);
    if (deployment === undefined) return undefined;
    const names = deployment.plan.rings.map(({ name }) => name);
    const params: unknown[] = [id];
    const conditions = ['d.deployment_id = $1'];
    if (query.ring !== undefined) conditions.push(`d.ring = $${params.push(names.indexOf(query.ring))}`);
    if (query.state !== undefined) conditions.push(`d.state = $${params.push(query.state)}`);
    if (query.cursor !== undefined)
      conditions.push(
        `d.agent_id > $${params.push(decodeCursor('deployment-devices', query.cursor, UUID_KEY))}`,
      );
    const { rows } = await this.#database.pool.query<DeviceRow & { hostname: string }>(
      // The page first: joined before, agents would be walked in their order, fleet and all.
      `SELECT d.*, a.hostname FROM (
         SELECT * FROM deployment_device d WHERE ${conditions.join(' AND ')} ORDER BY agent_id LIMIT ${query.limit + 1}) d
       JOIN agent a ON a.id = d.agent_id ORDER BY d.agent_id`,
      params,
    );
    return toPage(
      'deployment-devices',
      rows,
      query.limit,
      (row) => row.agent_id,
      (row) => toDevice(row, names[row.ring] ?? ''),
    );
  }

  /** At most one: the first decision counts. Undefined when there is no such deployment. */
  async decisions(id: string): Promise<Decision[] | undefined> {
    if ((await this.#row(id)) === undefined) return undefined;
    const { rows } = await this.#database.pool.query<DecisionRow>(
      'SELECT * FROM cab_decision WHERE deployment_id = $1',
      [id],
    );
    return rows.map(toDecision);
  }

  async #row(id: string): Promise<DeploymentRow | undefined> {
    const { rows } = await this.#database.pool.query<DeploymentRow>(
      'SELECT * FROM deployment_intent WHERE id = $1',
      [id],
    );
    return rows[0];
  }
}
