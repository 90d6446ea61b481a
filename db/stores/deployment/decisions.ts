import type { Pool } from 'pg';
import type { Actor } from '../../../contracts/audit/audit.ts';
import type { Decision, DecisionRequest } from '../../../contracts/deployment/deployment.ts';
import type { DeploymentStatus } from '../../../contracts/deployment/states.ts';
import { inTransaction } from '../../database.ts';
import type { DeploymentRow } from '../../models/deployment.ts';
import { appendAudit } from '../audit.ts';
import { iso } from '../keyset.ts';
import { sameName } from '../same-name.ts';
import { moveDeployment } from './move.ts';
import { findOverlap, type Overlap } from './overlap.ts';

export type DecisionAnswer =
  | { readonly kind: 'decided' | 'repeated'; readonly decision: Decision }
  | { readonly kind: 'own_deployment' | 'not_found' }
  | { readonly kind: 'overlap'; readonly other: Overlap }
  | { readonly kind: 'no_ring'; readonly rings: readonly string[] }
  | { readonly kind: 'refused'; readonly status: DeploymentStatus };

export interface DecisionRow {
  id: string;
  deployment_id: string;
  decision: Decision['decision'];
  approver: string;
  comment: string;
  conditions: Decision['conditions'];
  risk_score: number;
  decided_at: Date;
}

export const toDecision = (row: DecisionRow): Decision => ({
  id: row.id,
  deployment_id: row.deployment_id,
  decision: row.decision,
  approver: row.approver,
  comment: row.comment,
  conditions: row.conditions,
  risk_score: row.risk_score,
  decided_at: iso(row.decided_at),
});

/** The CAB's word on a deployment; the first one counts. Never its creator's, which the database refuses as well. */
export function decide(
  pool: Pool,
  id: string,
  request: DecisionRequest,
  actor: Actor,
  correlationId: string,
): Promise<DecisionAnswer> {
  return inTransaction(pool, async (client): Promise<DecisionAnswer> => {
    const { rows } = await client.query<DeploymentRow>(
      'SELECT * FROM deployment_intent WHERE id = $1 FOR NO KEY UPDATE',
      [id],
    );
    const [deployment] = rows;
    if (deployment === undefined) return { kind: 'not_found' };
    if (sameName(deployment.created_by, actor.id)) {
      await appendAudit(client, [
        {
          actor,
          action: 'security.four_eyes',
          kind: 'security',
          object_type: 'deployment',
          object_id: id,
          after: { decision: request.decision },
          correlation_id: correlationId,
        },
      ]);
      return { kind: 'own_deployment' };
    }
    const earlier = await client.query<DecisionRow>('SELECT * FROM cab_decision WHERE deployment_id = $1', [
      id,
    ]);
    const [known] = earlier.rows;
    if (known !== undefined && known.approver === actor.id && known.decision === request.decision)
      return { kind: 'repeated', decision: toDecision(known) };
    if (deployment.status !== 'AWAITING_APPROVAL') return { kind: 'refused', status: deployment.status };
    const rings = deployment.plan.rings.map(({ name }) => name);
    const pauseAfter = request.conditions?.pause_after_ring;
    if (pauseAfter !== undefined && !rings.includes(pauseAfter)) return { kind: 'no_ring', rings };

    const other = request.decision === 'approve' ? await findOverlap(client, deployment) : undefined;
    if (other !== undefined) return { kind: 'overlap', other };

    const conditions = request.conditions === undefined ? null : JSON.stringify(request.conditions);
    const made = await client.query<DecisionRow>(
      `INSERT INTO cab_decision (id, deployment_id, decision, approver, comment, conditions, risk_score, decided_at)
       VALUES (uuid7(), $1, $2, $3, $4, $5, $6, now()) RETURNING *`,
      [id, request.decision, actor.id, request.comment, conditions, deployment.risk_score],
    );
    await client.query('UPDATE deployment_intent SET conditions = $2 WHERE id = $1', [id, conditions]);
    const decision = toDecision(made.rows[0] as DecisionRow);
    const under = conditions === null ? '' : ' with conditions';
    await moveDeployment(client, {
      id,
      word: request.decision,
      actor,
      correlationId,
      reason: `${request.decision === 'approve' ? 'Approved' : 'Rejected'}${under} by ${actor.id}${request.comment === '' ? '' : `: ${request.comment}`}`,
      facts: { risk_score: deployment.risk_score, conditions: request.conditions },
    });
    return { kind: 'decided', decision };
  });
}
