import { isDeepStrictEqual } from 'node:util';
import type { PoolClient } from 'pg';
import { lockName } from '../../advisory-locks.ts';
import type { DeploymentRow } from '../../models/deployment.ts';
import { overlapOf } from './population.ts';

/** Another deployment that is under way on the same devices. */
export type Overlap = Pick<DeploymentRow, 'id' | 'name' | 'status'>;

/** What a deployment is compared by; one that is only about to be made has no id. */
type Candidate = Pick<DeploymentRow, 'package_name' | 'platform' | 'selection'> & { readonly id?: string };

/**
 * Another deployment of the package that is under way and reaches some of the same devices. Until the caller's
 * transaction ends nobody else begins one of this package, so that of two at once one sees the other.
 */
export async function findOverlap(client: PoolClient, candidate: Candidate): Promise<Overlap | undefined> {
  const { id = null, package_name, platform, selection } = candidate;
  await lockName(client, `deployments of ${platform} ${package_name}`);
  const { rows } = await client.query<DeploymentRow>(
    `SELECT * FROM deployment_intent WHERE package_name = $1 AND platform = $2 AND id IS DISTINCT FROM $3
       AND status IN ('ROLLING_OUT', 'PAUSED', 'ROLLING_BACK') ORDER BY id`,
    [package_name, platform, id],
  );
  for (const other of rows) {
    // The same choice is one of the same devices, also of those that are still to come.
    const same = isDeepStrictEqual(JSON.parse(JSON.stringify(selection)), other.selection);
    if (same || (await overlapOf(client, { selection, platform }, other))) return other;
  }
  return undefined;
}
