import type { Pool, PoolClient } from 'pg';
import type { RingCounts } from '../../../contracts/deployment/gates.ts';
import type { DeviceState, FailureKind } from '../../../contracts/deployment/states.ts';

interface Group {
  ring: number;
  state: DeviceState;
  failure_kind: FailureKind | null;
  devices: number;
  unreachable: number;
}

/** How many devices of each ring are in which state: some dozens of rows, however many devices there are. */
export class DeviceCounts {
  readonly #groups: readonly Group[];

  private constructor(groups: readonly Group[]) {
    this.#groups = groups;
  }

  /** @param joinedAfter only devices that came later */
  static async read(
    queryable: Pool | PoolClient,
    deploymentId: string,
    joinedAfter?: Date | null,
  ): Promise<DeviceCounts> {
    const { rows } = await queryable.query<Group>(
      `SELECT d.ring, d.state, d.failure_kind, count(*) AS devices,
         count(*) FILTER (WHERE a.status NOT IN ('ONLINE', 'DEGRADED')) AS unreachable
       FROM deployment_device d JOIN agent a ON a.id = d.agent_id
       WHERE d.deployment_id = $1 AND ($2::timestamptz IS NULL OR d.joined_at > $2) GROUP BY 1, 2, 3`,
      [deploymentId, joinedAfter ?? null],
    );
    return new DeviceCounts(rows);
  }

  /**
   * The same without who can be reached, for those who only look: from the index alone, without the agents. Failures,
   * which are few, are told apart by their rows.
   */
  static async glance(pool: Pool, deploymentId: string): Promise<DeviceCounts> {
    const { rows } = await pool.query<Group>(
      `SELECT ring, state, NULL AS failure_kind, count(*) AS devices, 0 AS unreachable
       FROM deployment_device WHERE deployment_id = $1 AND state <> 'FAILED' GROUP BY 1, 2
       UNION ALL
       SELECT ring, state, failure_kind, count(*), 0
       FROM deployment_device WHERE deployment_id = $1 AND state = 'FAILED' GROUP BY 1, 2, 3`,
      [deploymentId],
    );
    return new DeviceCounts(rows);
  }

  /** Of one ring, or of all. */
  byState(ring?: number): Partial<Record<DeviceState, number>> {
    const counts: Partial<Record<DeviceState, number>> = {};
    for (const group of this.#of(ring)) counts[group.state] = (counts[group.state] ?? 0) + group.devices;
    return counts;
  }

  byFailure(ring: number): Partial<Record<FailureKind, number>> {
    const counts: Partial<Record<FailureKind, number>> = {};
    for (const { state, failure_kind, devices } of this.#of(ring)) {
      if (state === 'FAILED' && failure_kind !== null)
        counts[failure_kind] = (counts[failure_kind] ?? 0) + devices;
    }
    return counts;
  }

  /** As gates see a ring. */
  ofRing(ring: number): RingCounts {
    const states = this.byState(ring);
    const open = this.#of(ring).filter(({ state }) => state === 'WAITING' || state === 'DISPATCHED');
    return {
      waiting: states.WAITING ?? 0,
      dispatched: states.DISPATCHED ?? 0,
      installed: states.INSTALLED ?? 0,
      sick: states.SICK ?? 0,
      failed: states.FAILED ?? 0,
      skipped: states.SKIPPED ?? 0,
      unreachable: open.reduce((sum, { unreachable }) => sum + unreachable, 0),
      failed_by_kind: this.byFailure(ring),
    };
  }

  #of(ring: number | undefined): readonly Group[] {
    return ring === undefined ? this.#groups : this.#groups.filter((group) => group.ring === ring);
  }
}
