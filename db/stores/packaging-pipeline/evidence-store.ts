import type { WhereOptions } from 'sequelize';
import type { Page } from '../../../contracts/http/common.ts';
import type { EvidenceListQuery, EvidencePack } from '../../../contracts/packaging-pipeline/evidence.ts';
import { deploymentWorkflowId } from '../../../contracts/temporal.ts';
import { type Database, inTransaction } from '../../database.ts';
import type { EvidenceRow } from '../../models/packaging.ts';
import { appendAudit } from '../audit.ts';
import { newestFirst } from '../keyset.ts';
import { toEvidencePack } from './records.ts';

/** Evidence packs; the signed documents themselves lie in the store under their hash. */
export class EvidenceStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  async find(id: string): Promise<EvidencePack | undefined> {
    const { evidence } = this.#database.models.packaging;
    const row = (await evidence.findByPk(id, { raw: true })) as EvidenceRow | null;
    return row === null ? undefined : toEvidencePack(row);
  }

  /** The pack of a pipeline for one deployment, or for none. */
  async findFor(pipelineId: string, intentId: string | null): Promise<EvidencePack | undefined> {
    const { evidence } = this.#database.models.packaging;
    const where = { pipeline_id: pipelineId, deployment_intent_id: intentId };
    const row = (await evidence.findOne({ where, raw: true })) as EvidenceRow | null;
    return row === null ? undefined : toEvidencePack(row);
  }

  /** Notes the pack of a deployment, which points to it then. The one that was there first stays, and is answered. */
  async add(pack: {
    readonly sha256: string;
    readonly pipelineId: string;
    readonly intentId: string;
    readonly signer: string;
  }): Promise<EvidencePack> {
    await inTransaction(this.#database.pool, async (client) => {
      const { rows } = await client.query<{ id: string }>(
        `INSERT INTO evidence_pack (id, sha256, pipeline_id, deployment_intent_id, signer_thumbprint, created_at)
         VALUES (uuid7(), $1, $2, $3, $4, now()) ON CONFLICT DO NOTHING RETURNING id`,
        [pack.sha256, pack.pipelineId, pack.intentId, pack.signer],
      );
      const [made] = rows;
      if (made === undefined) return;
      const pointed = await client.query<{ correlation_id: string }>(
        'UPDATE deployment_intent SET evidence_id = $2 WHERE id = $1 RETURNING correlation_id',
        [pack.intentId, made.id],
      );
      await appendAudit(client, [
        {
          actor: { type: 'workflow', id: deploymentWorkflowId(pack.intentId) },
          action: 'deployment.evidence',
          kind: 'change',
          object_type: 'deployment',
          object_id: pack.intentId,
          after: { evidence_id: made.id, sha256: pack.sha256 },
          correlation_id: pointed.rows[0]?.correlation_id ?? pack.intentId,
        },
      ]);
    });
    const kept = await this.findFor(pack.pipelineId, pack.intentId);
    if (kept === undefined) throw new Error('The evidence pack was not kept');
    return kept;
  }

  list(query: EvidenceListQuery): Promise<Page<EvidencePack>> {
    const filters: WhereOptions[] =
      query.pipeline_id === undefined ? [] : [{ pipeline_id: query.pipeline_id }];
    return newestFirst(
      this.#database.models.packaging.evidence,
      'evidence-packs',
      filters,
      query,
      toEvidencePack,
    );
  }
}
