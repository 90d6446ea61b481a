import { Op } from 'sequelize';
import type { Artifact } from '../../../contracts/artifact/artifact.ts';
import type { Actor } from '../../../contracts/audit/audit.ts';
import type { Page } from '../../../contracts/http/common.ts';
import { type Database, inTransaction } from '../../database.ts';
import type { ArtifactRow } from '../../models/rows.ts';
import { appendAudit } from '../audit.ts';
import { decodeCursor, iso, toPage } from '../keyset.ts';

const SHA256 = /^[0-9a-f]{64}$/;

/** What is known of the files that agents may download; the files themselves lie in a content-addressed folder. */
export class ArtifactStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  /** Notes an artifact; one that is known keeps its first name. */
  async add(
    artifact: { sha256: string; sizeBytes: number; name: string },
    actor: Actor,
    correlationId: string,
  ): Promise<Artifact> {
    return inTransaction(this.#database.pool, async (client) => {
      const { rows } = await client.query<ArtifactRow>(
        `INSERT INTO artifact (sha256, size_bytes, name, created_by, created_at) VALUES ($1, $2, $3, $4, now())
         ON CONFLICT (sha256) DO NOTHING RETURNING *`,
        [artifact.sha256, artifact.sizeBytes, artifact.name, actor.id],
      );
      if (rows[0] !== undefined) {
        await appendAudit(client, [
          {
            actor,
            action: 'artifact.create',
            kind: 'change',
            object_type: 'artifact',
            object_id: artifact.sha256,
            after: { name: artifact.name, size_bytes: artifact.sizeBytes },
            correlation_id: correlationId,
          },
        ]);
        return toArtifact(rows[0]);
      }
      const known = await client.query<ArtifactRow>('SELECT * FROM artifact WHERE sha256 = $1', [
        artifact.sha256,
      ]);
      return toArtifact(known.rows[0] as ArtifactRow);
    });
  }

  async find(sha256: string): Promise<Artifact | undefined> {
    const row = (await this.#database.models.artifact.findByPk(sha256, {
      raw: true,
    })) as unknown as ArtifactRow | null;
    return row === null ? undefined : toArtifact(row);
  }

  /** In the order of their hashes. */
  async list(query: { cursor?: string | undefined; limit: number }): Promise<Page<Artifact>> {
    const rows = (await this.#database.models.artifact.findAll({
      where:
        query.cursor === undefined
          ? {}
          : { sha256: { [Op.gt]: decodeCursor('artifacts', query.cursor, SHA256) } },
      order: [['sha256', 'ASC']],
      limit: query.limit + 1,
      raw: true,
    })) as unknown as ArtifactRow[];
    return toPage('artifacts', rows, query.limit, (row) => row.sha256, toArtifact);
  }
}

const toArtifact = (row: ArtifactRow): Artifact => ({ ...row, created_at: iso(row.created_at) });
