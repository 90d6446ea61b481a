import type { Pool, PoolClient } from 'pg';
import type { StoreCleaning, StoreUsage } from '../../../contracts/artifact/store.ts';
import type { Actor } from '../../../contracts/audit/audit.ts';
import { ADVISORY_LOCKS } from '../../advisory-locks.ts';
import { type Database, inTransaction } from '../../database.ts';
import { appendAudit } from '../audit.ts';

/** Keeping the content would make the store larger than allowed. */
export class StoreFullError extends Error {
  override readonly name = 'StoreFullError';
}

export interface StoreRules {
  /** Bytes; undefined: as much as fits. */
  readonly quotaBytes: number | undefined;
  /** Days for which content is kept that nothing needs. */
  readonly retentionDays: number;
}

/** Objects that one cleaning looks at. */
const BATCH = 1_000;

/**
 * What nothing needs: no pipeline that goes on or has passed, no evidence, no task that has not ended; and it was
 * kept, or kept again, before the retention.
 */
const UNNEEDED = `o.stored_at < now() - make_interval(days => $1)
  AND NOT EXISTS (SELECT 1 FROM evidence_pack e WHERE e.sha256 = o.sha256)
  AND NOT EXISTS (SELECT 1 FROM packaging_pipeline p WHERE p.status <> 'FAILED' AND p.source_artifact_hash = o.sha256)
  AND NOT EXISTS (SELECT 1 FROM packaging_pipeline p WHERE p.status <> 'FAILED' AND p.output_artifact_hash = o.sha256)
  AND NOT EXISTS (SELECT 1 FROM packaging_pipeline p WHERE p.status <> 'FAILED' AND p.sbom_hash = o.sha256)
  AND NOT EXISTS (SELECT 1 FROM packaging_pipeline p WHERE p.status <> 'FAILED' AND p.scan_results_hash = o.sha256)
  AND NOT EXISTS (SELECT 1 FROM packaging_pipeline p WHERE p.ended_at IS NULL AND p.signed ->> 'sha256' = o.sha256)
  AND NOT EXISTS (SELECT 1 FROM agent_task t WHERE t.status IN ('PENDING', 'ASSIGNED', 'IN_PROGRESS')
    AND t.payload #>> '{artifact,sha256}' = o.sha256)`;

/** What lies in the store, how much of it there is, and what may go. */
export class StoredObjectStore {
  readonly #database: Database;
  readonly #rules: StoreRules;

  constructor(database: Database, rules: StoreRules) {
    this.#database = database;
    this.#rules = rules;
  }

  /**
   * Notes content before it is kept; what is there already is young again. Waits for a cleaner that is removing it.
   *
   * @throws StoreFullError
   */
  async admit(content: { readonly sha256: string; readonly sizeBytes: number }): Promise<void> {
    const { quotaBytes } = this.#rules;
    if (quotaBytes === undefined) {
      await note(this.#database.pool, content);
      return;
    }
    await inTransaction(this.#database.pool, async (client) => {
      // One at a time: two that fit alone may not fit together.
      await client.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCKS.storeQuota]);
      if (!(await note(client, content))) return;
      const { bytes } = await measure(client);
      if (bytes > quotaBytes)
        throw new StoreFullError(
          `The store holds ${bytes - content.sizeBytes} of ${quotaBytes} bytes; ${content.sizeBytes} more do not fit`,
        );
    });
  }

  async usage(): Promise<StoreUsage> {
    const { rows } = await this.#database.pool.query<{ objects: number; bytes: number }>(
      `SELECT count(*) AS objects, COALESCE(sum(size_bytes), 0)::bigint AS bytes FROM stored_object o WHERE ${UNNEEDED}`,
      [this.#rules.retentionDays],
    );
    const { objects, bytes } = await measure(this.#database.pool);
    return {
      objects,
      bytes,
      quota_bytes: this.#rules.quotaBytes ?? null,
      removable_objects: rows[0]?.objects ?? 0,
      removable_bytes: rows[0]?.bytes ?? 0,
    };
  }

  /**
   * Removes what nothing needs, each object together with its row and under its lock, so that whoever keeps the same
   * content again waits and then keeps it anew.
   *
   * @param remove removes the content itself
   */
  async clean(
    remove: (sha256: string) => Promise<void>,
    actor: Actor,
    dryRun: boolean,
    correlationId: string | null = null,
  ): Promise<StoreCleaning> {
    const { rows } = await this.#database.pool.query<{ sha256: string; size_bytes: number }>(
      `SELECT sha256, size_bytes FROM stored_object o WHERE ${UNNEEDED} ORDER BY stored_at LIMIT ${BATCH + 1}`,
      [this.#rules.retentionDays],
    );
    const found = rows.slice(0, BATCH);
    const removed: string[] = [];
    let bytes = 0;
    for (const { sha256, size_bytes } of found) {
      if (!dryRun && !(await this.#removeOne(sha256, remove, actor, correlationId))) continue;
      removed.push(sha256);
      bytes += size_bytes;
    }
    return { dry_run: dryRun, objects: removed.length, bytes, removed, more: rows.length > BATCH };
  }

  #removeOne(
    sha256: string,
    remove: (sha256: string) => Promise<void>,
    actor: Actor,
    correlationId: string | null,
  ): Promise<boolean> {
    return inTransaction(this.#database.pool, async (client) => {
      // Looked at once more under the lock, by a statement that begins after it: somebody may need it by now.
      const locked = await client.query(
        'SELECT 1 FROM stored_object WHERE sha256 = $1 FOR UPDATE SKIP LOCKED',
        [sha256],
      );
      if (locked.rows.length === 0) return false;
      const { rows } = await client.query<{ size_bytes: number }>(
        `SELECT size_bytes FROM stored_object o WHERE sha256 = $2 AND ${UNNEEDED}`,
        [this.#rules.retentionDays, sha256],
      );
      if (rows[0] === undefined) return false;
      await client.query('DELETE FROM artifact WHERE sha256 = $1', [sha256]);
      await client.query('DELETE FROM stored_object WHERE sha256 = $1', [sha256]);
      await appendAudit(client, [
        {
          actor,
          action: 'artifact.remove',
          kind: 'change',
          object_type: 'artifact',
          object_id: sha256,
          before: { size_bytes: rows[0].size_bytes },
          correlation_id: correlationId,
        },
      ]);
      await remove(sha256);
      return true;
    });
  }
}

/** @returns whether it was not there yet */
async function note(
  queryable: Pool | PoolClient,
  content: { readonly sha256: string; readonly sizeBytes: number },
): Promise<boolean> {
  const { rows } = await queryable.query<{ is_new: boolean }>(
    `INSERT INTO stored_object AS o (sha256, size_bytes, stored_at) VALUES ($1, $2, now())
     ON CONFLICT (sha256) DO UPDATE SET stored_at = now() RETURNING o.xmax = 0 AS is_new`,
    [content.sha256, content.sizeBytes],
  );
  return rows[0]?.is_new === true;
}

async function measure(queryable: Pool | PoolClient): Promise<{ objects: number; bytes: number }> {
  const { rows } = await queryable.query<{ objects: number; bytes: number }>(
    'SELECT count(*) AS objects, COALESCE(sum(size_bytes), 0)::bigint AS bytes FROM stored_object',
  );
  return rows[0] ?? { objects: 0, bytes: 0 };
}
