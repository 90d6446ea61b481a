import type { Pool, PoolClient } from 'pg';
import { Umzug } from 'umzug';
import { ADVISORY_LOCKS } from './advisory-locks.ts';
import * as foundation from './migrations/0001-foundation.ts';
import * as fleetCounts from './migrations/0002-fleet-counts.ts';
import * as packagingPipeline from './migrations/0003-packaging-pipeline.ts';
import * as deployment from './migrations/0004-deployment.ts';
import * as incidents from './migrations/0005-incidents.ts';
import * as fleetSamples from './migrations/0006-fleet-samples.ts';
import * as deploymentOverlap from './migrations/0007-deployment-overlap.ts';
import * as stoppedRemedies from './migrations/0008-stopped-remedies.ts';
import * as certificatesAndFindings from './migrations/0009-certificates-and-findings.ts';
import * as issuedCertificates from './migrations/0010-issued-certificates.ts';
import * as statusEvents from './migrations/0011-status-events.ts';
import * as exceptionFourEyes from './migrations/0012-exception-four-eyes.ts';
import * as taskStatusType from './migrations/0013-task-status-type.ts';
import * as taskIndexes from './migrations/0014-task-indexes.ts';
import * as agentTerms from './migrations/0015-agent-terms.ts';
import * as agentIndexes from './migrations/0016-agent-indexes.ts';
import * as agentCountKey from './migrations/0017-agent-count-key.ts';
import * as idsInOrder from './migrations/0018-ids-in-order.ts';
import * as touchedDevices from './migrations/0019-touched-devices.ts';

/** In the order in which they run; a released migration is never changed. */
const MIGRATIONS = [
  { name: '0001-foundation', up: foundation.up },
  { name: '0002-fleet-counts', up: fleetCounts.up },
  { name: '0003-packaging-pipeline', up: packagingPipeline.up },
  { name: '0004-deployment', up: deployment.up },
  { name: '0005-incidents', up: incidents.up },
  { name: '0006-fleet-samples', up: fleetSamples.up },
  { name: '0007-deployment-overlap', up: deploymentOverlap.up },
  { name: '0008-stopped-remedies', up: stoppedRemedies.up },
  { name: '0009-certificates-and-findings', up: certificatesAndFindings.up },
  { name: '0010-issued-certificates', up: issuedCertificates.up },
  { name: '0011-status-events', up: statusEvents.up },
  { name: '0012-exception-four-eyes', up: exceptionFourEyes.up },
  { name: '0013-task-status-type', up: taskStatusType.up },
  { name: '0014-task-indexes', up: taskIndexes.up },
  { name: '0015-agent-terms', up: agentTerms.up },
  { name: '0016-agent-indexes', up: agentIndexes.up },
  { name: '0017-agent-count-key', up: agentCountKey.up },
  { name: '0018-ids-in-order', up: idsInOrder.up },
  { name: '0019-touched-devices', up: touchedDevices.up },
] as const;

/**
 * Brings the schema up to date. Each migration and its entry in `schema_migration` commit together; parallel
 * callers wait for each other.
 *
 * @returns the names of the migrations that ran
 */
export async function migrate(pool: Pool): Promise<string[]> {
  const client = await pool.connect();
  try {
    // Waiting for others, or an index on a large table, may take long.
    await client.query('SET statement_timeout = 0');
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCKS.migration]);
    await client.query('CREATE TABLE IF NOT EXISTS schema_migration (name text PRIMARY KEY)');
    const ran = await umzug(client).up();
    return ran.map((migration) => migration.name);
  } finally {
    // The lock and the setting go with their connection.
    client.release(true);
  }
}

function umzug(client: PoolClient): Umzug<PoolClient> {
  return new Umzug({
    context: client,
    logger: undefined,
    migrations: MIGRATIONS.map(({ name, up }) => ({
      name,
      up: async () => {
        await client.query('BEGIN');
        try {
          await client.query(up);
          await client.query('INSERT INTO schema_migration (name) VALUES ($1)', [name]);
          await client.query('COMMIT');
        } catch (error) {
          await client.query('ROLLBACK');
          throw error;
        }
      },
    })),
    storage: {
      executed: async () => {
        const { rows } = await client.query<{ name: string }>(
          'SELECT name FROM schema_migration ORDER BY name',
        );
        return rows.map((row) => row.name);
      },
      // The migration itself records that it ran, within its transaction.
      logMigration: async () => undefined,
      unlogMigration: async () => {
        throw new Error('Migrations only go forward; restore a backup instead');
      },
    },
  });
}
