import { isDeepStrictEqual } from 'node:util';
import type { Pool, PoolClient } from 'pg';
import type { Platform } from '../../../contracts/agent/agent.ts';
import type { CreateDeployment, RolloutPlan } from '../../../contracts/deployment/deployment.ts';
import { assessRisk, type Risk, type RiskFacts } from '../../../contracts/deployment/risk.ts';
import type { PipelineStatus } from '../../../contracts/packaging-pipeline/steps.ts';
import { inTransaction } from '../../database.ts';
import type { DeploymentRow, PackageRules } from '../../models/deployment.ts';
import type { Origin } from '../agent-task/creation.ts';
import { appendAudit } from '../audit.ts';
import { tellDeployment } from './move.ts';
import { findOverlap, type Overlap } from './overlap.ts';
import { type DeployablePackage, findPrevious, readPackage } from './package.ts';
import { countPopulation } from './population.ts';

export type DeploymentCreation =
  | { readonly kind: 'created' | 'existing'; readonly deployment: DeploymentRow }
  | { readonly kind: 'no_pipeline' | 'no_evidence' | 'no_signer' | 'no_plan' | 'no_devices' | 'key_reused' }
  | { readonly kind: 'overlap'; readonly other: Overlap }
  | { readonly kind: 'not_passed'; readonly status: PipelineStatus }
  | { readonly kind: 'lapsed'; readonly reason: string };

/**
 * Creates a deployment of a package that passed. Below the threshold it passes by itself, which the audit says; else it
 * waits for a decision. Its workflow begins when the outbox is relayed.
 *
 * @param threshold risk score from which an approval is needed
 */
export function createDeployment(
  pool: Pool,
  request: CreateDeployment,
  origin: Origin,
  threshold: number,
): Promise<DeploymentCreation> {
  return inTransaction(pool, async (client): Promise<DeploymentCreation> => {
    const plan = await planOf(client, request);
    if (plan === undefined) return { kind: 'no_plan' };
    const earlier = await earlierDeployment(client, request, plan, origin);
    if (earlier !== undefined) return earlier;
    const found = await readPackage(client, request.pipeline_id);
    if (found === undefined) return { kind: 'no_pipeline' };
    const { pipeline, evidence, lapsed } = found;
    if (pipeline.status !== 'PASSED') return { kind: 'not_passed', status: pipeline.status };
    if (evidence === undefined) return { kind: 'no_evidence' };
    if (found.signer === undefined) return { kind: 'no_signer' };
    if (lapsed !== undefined) return { kind: 'lapsed', reason: lapsed };

    const population = { selection: request.selection, platform: pipeline.platform };
    const facts = await countPopulation(client, population, plan.rings);
    if (facts.devices === 0 && !plan.late_joiners) return { kind: 'no_devices' };
    const previous = await findPrevious(client, pipeline);
    const risk = assessRisk({
      ...facts,
      findings: pipeline.scan_summary ?? { critical: 0, high: 0, medium: 0, low: 0 },
      exceptions: pipeline.exception_ids.length,
      signed: pipeline.signing_certificate_thumbprint !== null,
      signing_days_left: found.signing_days_left,
      rollback: rollbackOf(plan, previous, pipeline.platform),
    });
    // What waits for a decision is looked at when it is approved.
    if (risk.score < threshold) {
      const { package_name, platform } = pipeline;
      const other = await findOverlap(client, { package_name, platform, selection: request.selection });
      // The other may be this very request, said a second time at the same moment.
      if (other !== undefined)
        return (await earlierDeployment(client, request, plan, origin)) ?? { kind: 'overlap', other };
    }
    const deployment = await insert(client, {
      request,
      plan,
      found,
      evidenceId: evidence.id,
      previous,
      risk,
      threshold,
      origin,
    });
    if (deployment === undefined)
      return (await earlierDeployment(client, request, plan, origin)) ?? { kind: 'key_reused' };
    await audit(client, deployment, origin);
    await tellDeployment(client, deployment, true);
    return { kind: 'created', deployment };
  });
}

function rollbackOf(plan: RolloutPlan, previous: string | null, platform: Platform): RiskFacts['rollback'] {
  if (!plan.automatic_rollback) return 'none';
  if (previous !== null) return 'previous_version';
  // As the agents there know none.
  return platform === 'macos' ? 'impossible' : 'uninstall';
}

async function planOf(client: PoolClient, request: CreateDeployment): Promise<RolloutPlan | undefined> {
  if (request.plan !== undefined) return request.plan;
  const { rows } = await client.query<{ plan: RolloutPlan }>(
    'SELECT plan FROM rollout_plan WHERE name = $1 FOR SHARE',
    [request.plan_name],
  );
  return rows[0]?.plan;
}

const rulesOf = ({ detection, requirements, dependencies, replaces }: CreateDeployment): PackageRules => ({
  detection,
  requirements,
  dependencies,
  replaces,
});

/** A value as it comes back from jsonb. */
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

async function earlierDeployment(
  client: PoolClient,
  request: CreateDeployment,
  plan: RolloutPlan,
  { actor, idempotencyKey }: Origin,
): Promise<DeploymentCreation | undefined> {
  if (idempotencyKey === undefined) return undefined;
  const { rows } = await client.query<DeploymentRow>(
    'SELECT * FROM deployment_intent WHERE created_by = $1 AND idempotency_key = $2',
    [actor.id, idempotencyKey],
  );
  const [deployment] = rows;
  if (deployment === undefined) return undefined;
  const { pipeline_id, selection, package_rules } = deployment;
  const same = isDeepStrictEqual(
    [pipeline_id, selection, deployment.plan, package_rules],
    asJson([request.pipeline_id, request.selection, plan, rulesOf(request)]),
  );
  return same ? { kind: 'existing', deployment } : { kind: 'key_reused' };
}

interface New {
  readonly request: CreateDeployment;
  readonly plan: RolloutPlan;
  readonly found: DeployablePackage;
  readonly evidenceId: string;
  readonly previous: string | null;
  readonly risk: Risk;
  readonly threshold: number;
  readonly origin: Origin;
}

async function insert(client: PoolClient, made: New): Promise<DeploymentRow | undefined> {
  const { request, plan, found, risk, threshold, origin } = made;
  const { pipeline } = found;
  const required = risk.score >= threshold;
  const { rows } = await client.query<DeploymentRow>(
    `INSERT INTO deployment_intent (id, name, status, reason, pipeline_id, package_name, package_version, platform,
       evidence_id, previous_pipeline_id, selection, plan, package_rules, risk, risk_score, risk_threshold,
       approval_required, approval_ends_at, base_at, correlation_id, created_by, idempotency_key, created_at)
     VALUES (uuid7(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
       CASE WHEN $16 THEN now() + make_interval(secs => $17) END, $18, $19, $20, $21, now())
     ON CONFLICT (created_by, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING RETURNING *`,
    [
      request.name ?? `${pipeline.package_name} ${pipeline.package_version}`,
      required ? 'AWAITING_APPROVAL' : 'ROLLING_OUT',
      required
        ? `Waits for a decision: the risk score ${risk.score} reaches the threshold of ${threshold}`
        : `Passed by itself: the risk score ${risk.score} lies below the threshold of ${threshold}`,
      pipeline.id,
      pipeline.package_name,
      pipeline.package_version,
      pipeline.platform,
      made.evidenceId,
      made.previous,
      JSON.stringify(request.selection),
      JSON.stringify(plan),
      JSON.stringify(rulesOf(request)),
      JSON.stringify(risk),
      risk.score,
      threshold,
      required,
      plan.approval_seconds,
      request.base_at ?? null,
      origin.correlationId,
      origin.actor.id,
      origin.idempotencyKey ?? null,
    ],
  );
  const [deployment] = rows;
  if (deployment === undefined) return undefined;
  await client.query(
    `INSERT INTO deployment_ring (deployment_id, position, state)
     SELECT $1, n, 'WAITING' FROM generate_series(0, $2::int - 1) AS n`,
    [deployment.id, plan.rings.length],
  );
  return deployment;
}

async function audit(
  client: PoolClient,
  deployment: DeploymentRow,
  { actor, correlationId }: Origin,
): Promise<void> {
  const { id, status, reason, risk_score, risk_threshold, pipeline_id, package_name, package_version } =
    deployment;
  const event = {
    kind: 'change' as const,
    object_type: 'deployment',
    object_id: id,
    correlation_id: correlationId,
  };
  await appendAudit(client, [
    {
      ...event,
      actor,
      action: 'deployment.create',
      after: {
        status: 'AWAITING_APPROVAL',
        pipeline_id,
        package_name,
        package_version,
        risk_score,
        risk_threshold,
      },
    },
    ...(deployment.approval_required
      ? []
      : [
          {
            ...event,
            actor: { type: 'system', id: 'risk-threshold' } as const,
            action: 'deployment.approve',
            before: { status: 'AWAITING_APPROVAL' },
            after: { status, reason, risk_score, risk_threshold },
          },
        ]),
  ]);
}
