import type { Pool, PoolClient } from 'pg';
import type { Gates, Ring } from '../../../contracts/deployment/rings.ts';
import type { DeploymentWord, RingState } from '../../../contracts/deployment/states.ts';
import { deploymentWorkflowId } from '../../../contracts/temporal.ts';
import { inTransaction } from '../../database.ts';
import type { DeploymentRow, RingRow } from '../../models/deployment.ts';
import { appendAudit } from '../audit.ts';
import { DeviceCounts } from './counts.ts';
import {
  dispatch,
  dispatchRollback,
  failRollback,
  recall,
  rollbackLeft,
  roomFor,
  takeTurn,
  waitingZones,
} from './dispatch.ts';
import { moveDeployment, tellDeployment } from './move.ts';
import { findSick, settleLeftBehind, settleRollbackTasks, settleTasks } from './outcomes.ts';
import {
  type DeployablePackage,
  installPayload,
  objectionTo,
  readPackage,
  rollbackPayload,
  unknownSigner,
} from './package.ts';
import { admitLateJoiners, assignRings } from './population.ts';

/**
 * One look at a deployment: everything it does happens in one transaction that holds the deployment's row, so that a
 * worker which dies leaves nothing half done, two looks never overlap, and an operator's word comes before or after.
 */
export class Look {
  deployment: DeploymentRow;
  readonly now: Date;
  readonly #client: PoolClient;

  constructor(client: PoolClient, deployment: DeploymentRow, now: Date) {
    this.#client = client;
    this.deployment = deployment;
    this.now = now;
  }

  get id(): string {
    return this.deployment.id;
  }

  /** The platform's own word, said by the deployment's workflow. */
  async say(word: DeploymentWord, reason: string): Promise<void> {
    const actor = { type: 'workflow', id: deploymentWorkflowId(this.id) } as const;
    const answer = await moveDeployment(this.#client, { id: this.id, word, actor, reason });
    if (answer.kind !== 'moved') throw new Error(`${word} was refused: ${JSON.stringify(answer)}`);
    this.deployment = answer.deployment;
  }

  /** Notes what a finished deployment waits for; operators read it, the audit does not need it. */
  async explain(reason: string): Promise<void> {
    await this.#update(`reason = $2, reason_by_operator = false`, [reason]);
  }

  async noteReminder(): Promise<void> {
    await this.#update('reminded_at = now()', []);
    await appendAudit(this.#client, [
      {
        actor: { type: 'workflow', id: deploymentWorkflowId(this.id) },
        action: 'deployment.remind',
        kind: 'change',
        object_type: 'deployment',
        object_id: this.id,
        after: { approval_ends_at: this.deployment.approval_ends_at },
        correlation_id: this.deployment.correlation_id,
      },
    ]);
  }

  /** The rollout begins: every device gets its ring. */
  async begin(): Promise<void> {
    await assignRings(this.#client, this.deployment);
    await this.#update('started_at = now()', []);
  }

  async noteHealthLook(): Promise<void> {
    await this.#update('health_looked_at = now()', []);
  }

  async #update(set: string, params: readonly unknown[]): Promise<void> {
    const { rows } = await this.#client.query<DeploymentRow>(
      `UPDATE deployment_intent SET ${set} WHERE id = $1 RETURNING *`,
      [this.id, ...params],
    );
    this.deployment = rows[0] as DeploymentRow;
  }

  async rings(): Promise<RingRow[]> {
    const { rows } = await this.#client.query<RingRow>(
      'SELECT * FROM deployment_ring WHERE deployment_id = $1 ORDER BY position',
      [this.id],
    );
    return rows;
  }

  /** Moves a ring on; the audit tells of it. */
  async moveRing(ring: RingRow, state: RingState, reason: string): Promise<void> {
    await this.#client.query(
      `UPDATE deployment_ring SET state = $3, reason = $4,
         opened_at = CASE WHEN $3 = 'ROLLING' THEN COALESCE(opened_at, now()) ELSE opened_at END,
         soak_started_at = CASE WHEN $3 = 'SOAKING' THEN now() ELSE soak_started_at END,
         ended_at = CASE WHEN $3 IN ('PASSED', 'STOPPED') THEN now() END
       WHERE deployment_id = $1 AND position = $2`,
      [this.id, ring.position, state, reason],
    );
    const name = this.deployment.plan.rings[ring.position]?.name;
    await appendAudit(this.#client, [
      {
        actor: { type: 'workflow', id: deploymentWorkflowId(this.id) },
        action: 'deployment.ring',
        kind: 'change',
        object_type: 'deployment',
        object_id: this.id,
        before: { ring: name, state: ring.state },
        after: { ring: name, state, reason },
        correlation_id: this.deployment.correlation_id,
      },
    ]);
  }

  /** The ring does not pass by itself: the rollout stands still until a person says otherwise. */
  async holdRing(ring: RingRow, reason: string): Promise<void> {
    await this.#client.query(
      'UPDATE deployment_ring SET held_at = now(), reason = $3 WHERE deployment_id = $1 AND position = $2',
      [this.id, ring.position, reason],
    );
  }

  counts(): Promise<DeviceCounts> {
    return DeviceCounts.read(this.#client, this.id);
  }

  settle(): Promise<number> {
    return settleTasks(this.#client, this.deployment);
  }

  /** Of devices that came after the end. */
  lateCounts(): Promise<DeviceCounts> {
    return DeviceCounts.read(this.#client, this.id, this.deployment.ended_at);
  }

  /** Health of devices that came after the end, each for as long as its ring soaks. */
  async findSickJoiners(ring: number, { gates, soak_seconds }: Ring): Promise<number> {
    const { ended_at } = this.deployment;
    if (ended_at === null) return 0;
    return findSick(this.#client, this.id, ring, gates, { joinedAfter: ended_at, seconds: soak_seconds });
  }

  /** Whether a device that came after the end has had the package for less than its ring's soak. */
  async joinersSoak({ soak_seconds }: Ring): Promise<boolean> {
    const { rows } = await this.#client.query<{ soaks: boolean }>(
      `SELECT EXISTS (SELECT FROM deployment_device WHERE deployment_id = $1 AND state = 'INSTALLED'
         AND joined_at > $2 AND settled_at > now() - make_interval(secs => $3)) AS soaks`,
      [this.id, this.deployment.ended_at, soak_seconds],
    );
    return rows[0]?.soaks === true;
  }

  /** Devices that come from now on get nothing, nor those that wait. */
  async stopJoiners(reason: string): Promise<void> {
    await this.#update('joiners_stopped_at = now(), reason = $2, reason_by_operator = false', [reason]);
    await appendAudit(this.#client, [
      {
        actor: { type: 'workflow', id: deploymentWorkflowId(this.id) },
        action: 'deployment.stop_joiners',
        kind: 'change',
        object_type: 'deployment',
        object_id: this.id,
        after: { reason },
        correlation_id: this.deployment.correlation_id,
      },
    ]);
  }

  findSick(ring: number, gates: Gates): Promise<number> {
    return findSick(this.#client, this.id, ring, gates);
  }

  admitLateJoiners(ring: number): Promise<number> {
    return admitLateJoiners(this.#client, this.deployment, ring);
  }

  waitingZones(ring: number): Promise<string[]> {
    return waitingZones(this.#client, this.deployment, ring);
  }

  room() {
    return roomFor(this.#client, this.deployment);
  }

  async dispatch(where: { ring: number; zones: readonly string[]; limit: number }): Promise<number> {
    const payload = installPayload(
      await this.#package(this.deployment.pipeline_id),
      this.deployment.package_rules,
      this.id,
    );
    await this.#takeTurn();
    return dispatch(this.#client, this.deployment, payload, where);
  }

  recall(which: 'all' | 'unreachable'): Promise<number> {
    return recall(this.#client, this.deployment, which);
  }

  /** Why no device may get the package as it stands now: a policy decision may no longer hold. */
  async objection(): Promise<string | undefined> {
    return objectionTo(await this.#package(this.deployment.pipeline_id));
  }

  /** Why no device could check the package. */
  async signerProblem(): Promise<string | undefined> {
    const { signer, pipeline } = await this.#package(this.deployment.pipeline_id);
    return signer === undefined ? unknownSigner(pipeline.id) : undefined;
  }

  async #package(pipelineId: string): Promise<DeployablePackage> {
    const found = await readPackage(this.#client, pipelineId);
    if (found === undefined) throw new Error(`The pipeline ${pipelineId} is gone`);
    return found;
  }

  settleRollback(): Promise<number> {
    return settleRollbackTasks(this.#client, this.id);
  }

  rollbackLeft() {
    return rollbackLeft(this.#client, this.id);
  }

  /**
   * Has touched devices go back to the previous version, or without the package where there is none. They stay as they
   * are where the previous version's signer is not known.
   */
  async dispatchRollback(limit: number): Promise<number> {
    const { previous_pipeline_id: previous, pipeline_id, package_name } = this.deployment;
    const target = previous === null ? undefined : await this.#package(previous);
    if (target !== undefined && target.signer === undefined) {
      const version = `${package_name} ${target.pipeline.package_version}`;
      return failRollback(
        this.#client,
        this.id,
        `No way back to ${version}: ${unknownSigner(target.pipeline.id)}`,
      );
    }
    const { pipeline: current } = await this.#package(pipeline_id);
    const payload = rollbackPayload(current, target, this.id);
    await this.#takeTurn();
    return dispatchRollback(this.#client, this.deployment, payload, limit);
  }

  /** Before tasks are given out: who else has them on which devices is then as it stands. */
  async #takeTurn(): Promise<void> {
    await takeTurn(this.#client, this.deployment);
    await settleLeftBehind(this.#client, this.deployment.package_name);
  }

  /** Whether a later version of the package was rolled out completely. */
  async isSuperseded(): Promise<boolean> {
    const { rows } = await this.#client.query<{ superseded: boolean }>(
      `SELECT EXISTS (SELECT FROM deployment_intent WHERE package_name = $1 AND platform = $2 AND id > $3
         AND status = 'COMPLETED') AS superseded`,
      [this.deployment.package_name, this.deployment.platform, this.id],
    );
    return rows[0]?.superseded === true;
  }
}

/** What deployments' workflows do, by their activities. */
export class RolloutStore {
  readonly #pool: Pool;
  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** @returns undefined when there is no such deployment */
  look<T>(id: string, work: (look: Look) => Promise<T>): Promise<T | undefined> {
    return inTransaction(this.#pool, async (client) => {
      const { rows } = await client.query<DeploymentRow & { now: Date }>(
        'SELECT *, now() AS now FROM deployment_intent WHERE id = $1 FOR NO KEY UPDATE',
        [id],
      );
      const [row] = rows;
      if (row === undefined) return undefined;
      const { now, ...deployment } = row;
      return work(new Look(client, deployment, now));
    });
  }

  /**
   * Has the workflows of all deployments that are under way look, and start where they were lost; and takes over what
   * the devices of those did that nobody looks at any more.
   */
  async remind(): Promise<number> {
    return inTransaction(this.#pool, async (client) => {
      await settleLeftBehind(client);
      const { rows } = await client.query<DeploymentRow>(
        `SELECT * FROM deployment_intent WHERE status IN ('AWAITING_APPROVAL', 'ROLLING_OUT', 'PAUSED', 'ROLLING_BACK')
           OR (status = 'COMPLETED' AND (plan ->> 'late_joiners')::boolean AND joiners_stopped_at IS NULL) ORDER BY id`,
      );
      for (const deployment of rows) await tellDeployment(client, deployment, false);
      return rows.length;
    });
  }
}
