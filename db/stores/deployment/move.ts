import type { PoolClient } from 'pg';
import type { Actor } from '../../../contracts/audit/audit.ts';
import {
  DEPLOYMENT_TRANSITIONS,
  type DeploymentStatus,
  type DeploymentWord,
  isResting,
} from '../../../contracts/deployment/states.ts';
import {
  CONTROL_PLANE_TASK_QUEUE,
  DEPLOYMENT_CHANGED,
  deploymentWorkflowId,
  SEARCH_ATTRIBUTES,
  WORKFLOW_TYPES,
} from '../../../contracts/temporal.ts';
import type { DeploymentRow } from '../../models/deployment.ts';
import { appendAudit } from '../audit.ts';
import { tellWorkflow } from '../workflow-outbox.ts';
import { findOverlap, type Overlap } from './overlap.ts';

export interface DeploymentMove {
  readonly id: string;
  readonly word: DeploymentWord;
  readonly actor: Actor;
  readonly reason: string;
  /** Of the request that says the word; by default the audit names the deployment's. */
  readonly correlationId?: string | undefined;
  /** Further facts for the audit. */
  readonly facts?: object;
}

export type MoveAnswer =
  | { readonly kind: 'moved'; readonly deployment: DeploymentRow }
  | { readonly kind: 'refused'; readonly status: DeploymentStatus }
  | { readonly kind: 'overlap'; readonly other: Overlap }
  | { readonly kind: 'not_found' };

/** What a word sets beside status and reason. */
const SETS: Readonly<Partial<Record<DeploymentWord, string>>> = {
  reject: ', ended_at = now()',
  expire: ', ended_at = now()',
  abort: ', ended_at = now()',
  stop: ', ended_at = now()',
  complete: ', ended_at = now()',
  roll_back: ', rollback_began_at = now(), ended_at = NULL',
  settle_rollback: ', ended_at = now()',
};

/**
 * The only way in which a deployment changes its status: compares, sets, audits, and notes that its workflow must hear
 * of it, within the caller's transaction.
 */
export async function moveDeployment(client: PoolClient, move: DeploymentMove): Promise<MoveAnswer> {
  const { from, to } = DEPLOYMENT_TRANSITIONS[move.word];
  const before = await client.query<DeploymentRow>(
    'SELECT * FROM deployment_intent WHERE id = $1 FOR NO KEY UPDATE',
    [move.id],
  );
  const [row] = before.rows;
  if (row === undefined) return { kind: 'not_found' };
  const present = row.status;
  if (!from.includes(present)) return { kind: 'refused', status: present };
  // What rests begins anew: meanwhile another may have.
  const other = isResting(present) && !isResting(to) ? await findOverlap(client, row) : undefined;
  if (other !== undefined) return { kind: 'overlap', other };
  const { rows } = await client.query<DeploymentRow>(
    `UPDATE deployment_intent SET status = $2, reason = $3, reason_by_operator = $4, version = version + 1${SETS[move.word] ?? ''}
     WHERE id = $1 RETURNING *`,
    [move.id, to, move.reason, move.actor.type === 'operator'],
  );
  const deployment = rows[0] as DeploymentRow;
  await appendAudit(client, [
    {
      actor: move.actor,
      action: `deployment.${move.word}`,
      kind: 'change',
      object_type: 'deployment',
      object_id: move.id,
      before: { status: present },
      after: { status: to, reason: move.reason, ...move.facts },
      correlation_id: move.correlationId ?? deployment.correlation_id,
    },
  ]);
  // The workflow's own words need not be told to it.
  if (move.actor.type !== 'workflow') await tellDeployment(client, deployment, isAtRest(present, deployment));
  return { kind: 'moved', deployment };
}

/** Nobody waits for long then: the workflow has ended, or ends soon. */
const isAtRest = (status: DeploymentStatus, { plan }: DeploymentRow): boolean =>
  isResting(status) && !(status === 'COMPLETED' && plan.late_joiners);

/**
 * Has the deployment's workflow look; it is started when none runs.
 *
 * @param begins a workflow that begins looks anyway, so that it needs no signal
 */
export async function tellDeployment(
  client: PoolClient,
  { id, name, platform, package_name, status, correlation_id }: DeploymentRow,
  begins: boolean,
): Promise<void> {
  const workflowId = deploymentWorkflowId(id);
  await tellWorkflow(client, workflowId, {
    kind: 'start',
    type: WORKFLOW_TYPES.deployment,
    taskQueue: CONTROL_PLANE_TASK_QUEUE,
    args: [id],
    again: true,
    summary: `Deployment of ${name}`,
    details: `Correlation id ${correlation_id}. All that concerns the package: \`${SEARCH_ATTRIBUTES.packageName} = "${package_name}"\``,
    searchAttributes: {
      [SEARCH_ATTRIBUTES.platform]: platform,
      [SEARCH_ATTRIBUTES.packageName]: package_name,
      [SEARCH_ATTRIBUTES.state]: status,
      [SEARCH_ATTRIBUTES.correlationId]: correlation_id,
    },
  });
  if (!begins)
    await tellWorkflow(client, workflowId, { kind: 'signal', signal: DEPLOYMENT_CHANGED, args: [] });
}
