import type { PoolClient } from 'pg';
import type { Ring, RingSize } from '../../../contracts/deployment/rings.ts';
import type { DeploymentRow } from '../../models/deployment.ts';
import { agentConditions, agentFilters } from '../agent/selection.ts';
import { Statement } from '../statement.ts';

/** Which devices a deployment reaches, and in which ring. Everything is done in the database, in sets. */

type Population = Pick<DeploymentRow, 'selection' | 'platform'>;

/** A device's place in an order that is the same whenever it is asked for: 0 to 2³² - 1. */
const hash = (seed: string) => `('x' || substr(md5(${seed} || r.id::text), 1, 8))::bit(32)::bigint`;
const HASHES = 4_294_967_296;
/** Of samples: the same devices in each deployment, so that they can be known for it. */
const SAMPLE_SEED = `'eucora sample '`;

/** Conditions on `agent r` for a deployment's devices; parameters begin at `firstParam`. */
function membership({ selection, platform }: Population, firstParam: number) {
  const statement = new Statement(firstParam);
  const conditions = agentConditions({ ...selection, platform }, statement);
  return { where: ['r.revoked_at IS NULL', ...conditions].join(' AND '), params: statement.values };
}

/** Of `rows` that are at hand, to be looked at, or of a whole fleet, in which they are to be found. */
function ringCondition(
  size: RingSize,
  firstParam: number,
  of: 'rows' | 'fleet',
): { where: string; params: unknown[] } {
  if ('sample_percent' in size)
    return {
      where: ` AND ${hash(SAMPLE_SEED)} < $${firstParam}`,
      params: [Math.round((size.sample_percent / 100) * HASHES)],
    };
  if (!('tag' in size)) return { where: '', params: [] };
  const statement = new Statement(firstParam);
  const conditions =
    of === 'fleet'
      ? agentConditions({ tag: size.tag }, statement)
      : agentFilters({ tag: size.tag }).flatMap(({ checks }) => statement.all(checks));
  return { where: ` AND ${conditions.join(' AND ')}`, params: statement.values };
}

/** Devices that a ring takes at most; undefined: all that its condition lets in. */
function ringLimit(size: RingSize, total: number): number | undefined {
  if ('count' in size) return size.count;
  return 'percent' in size ? Math.ceil((size.percent / 100) * total) : undefined;
}

export interface PopulationFacts {
  readonly devices: number;
  readonly fleet: number;
  readonly critical_devices: number;
  readonly first_ring_devices: number;
}

interface Counts {
  devices: number;
  critical: number;
  first: number;
  fleet: number;
}

/** What the risk of a deployment is judged by, before anything is written. */
export async function countPopulation(
  client: PoolClient,
  population: Population,
  rings: readonly Ring[],
): Promise<PopulationFacts> {
  const first = rings[0]?.size ?? { rest: true as const };
  const { where, params } = membership(population, 1);
  const ring = ringCondition(first, params.length + 1, 'rows');
  const { rows } = await client.query<Counts>(
    `SELECT count(*) AS devices,
       count(*) FILTER (WHERE r.tags ? 'critical' AND lower(r.tags ->> 'critical') NOT IN ('false', '0', 'no')) AS critical,
       count(*) FILTER (WHERE true${ring.where}) AS first,
       (SELECT count(*) FROM agent WHERE revoked_at IS NULL) AS fleet
     FROM agent r WHERE ${where}`,
    [...params, ...ring.params],
  );
  // Of a count there is one row, always.
  const [{ devices, critical, fleet, first: fits }] = rows as [Counts];
  return {
    devices,
    fleet,
    critical_devices: critical,
    first_ring_devices: Math.min(fits, ringLimit(first, devices) ?? fits),
  };
}

/** Whether some device is in both. */
export async function overlapOf(client: PoolClient, one: Population, other: Population): Promise<boolean> {
  const first = membership(one, 1);
  const second = membership(other, first.params.length + 1);
  const { rows } = await client.query<{ overlaps: boolean }>(
    `SELECT EXISTS (SELECT FROM agent r WHERE ${first.where} AND ${second.where}) AS overlaps`,
    [...first.params, ...second.params],
  );
  return rows.some(({ overlaps }) => overlaps);
}

/** Who is being deleted is waited for and left out: such a row could not be referred to. */
const KEPT = 'FOR KEY SHARE OF r';

/** Puts every device of the deployment into the first ring that takes it. */
export async function assignRings(client: PoolClient, deployment: DeploymentRow): Promise<void> {
  const { where, params } = membership(deployment, 5);
  const { rows } = await client.query<{ total: number }>(
    `SELECT count(*) AS total FROM agent r WHERE ${membership(deployment, 1).where}`,
    params,
  );
  const [{ total }] = rows as [{ total: number }];
  for (const [position, { size }] of deployment.plan.rings.entries()) {
    const ring = ringCondition(size, 5 + params.length, 'fleet');
    const limit = ringLimit(size, total);
    await client.query(
      `INSERT INTO deployment_device (deployment_id, agent_id, ring, state, sort, joined_at, package_name)
       SELECT $1::uuid, r.id, $2::smallint, 'WAITING', ${hash('$3::text')}, now(), $4 FROM agent r
       WHERE ${where}${ring.where}
         AND NOT EXISTS (SELECT FROM deployment_device d WHERE d.deployment_id = $1::uuid AND d.agent_id = r.id)
       ORDER BY 5, 2${limit === undefined ? '' : ` LIMIT ${limit}`} ${KEPT}`,
      [deployment.id, position, deployment.id, deployment.package_name, ...params, ...ring.params],
    );
  }
}

/**
 * Takes in devices that fit now and did not before: into the ring that is under way.
 *
 * @returns how many came
 */
export async function admitLateJoiners(
  client: PoolClient,
  deployment: DeploymentRow,
  ring: number,
): Promise<number> {
  const { where, params } = membership(deployment, 4);
  const { rowCount } = await client.query(
    `INSERT INTO deployment_device (deployment_id, agent_id, ring, state, sort, joined_at, package_name)
     SELECT $1::uuid, r.id, $2::smallint, 'WAITING', ${hash('$1::uuid::text')}, now(), $3 FROM agent r
     WHERE ${where}
       AND NOT EXISTS (SELECT FROM deployment_device d WHERE d.deployment_id = $1::uuid AND d.agent_id = r.id) ${KEPT}`,
    [deployment.id, ring, deployment.package_name, ...params],
  );
  return rowCount ?? 0;
}
