import type {
  Deployment,
  DeploymentDevice,
  DeploymentRing,
} from '../../../contracts/deployment/deployment.ts';
import { deadlineOf, startOf } from '../../../contracts/deployment/gates.ts';
import { deploymentWorkflowId } from '../../../contracts/temporal.ts';
import type { DeploymentRow, DeviceRow, RingRow } from '../../models/deployment.ts';
import { iso, isoOrNull } from '../keyset.ts';
import type { DeviceCounts } from './counts.ts';

/** Offsets of rings count from the date asked for, else from the beginning of the rollout. */
export const baseOf = ({ base_at, started_at }: DeploymentRow): Date | null => base_at ?? started_at;

export function toDeployment(
  row: DeploymentRow,
  devices: Deployment['devices'],
  currentRing: number | null,
): Deployment {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    reason: row.reason,
    pipeline_id: row.pipeline_id,
    package_name: row.package_name,
    package_version: row.package_version,
    platform: row.platform,
    evidence_id: row.evidence_id,
    previous_pipeline_id: row.previous_pipeline_id,
    selection: row.selection,
    plan: row.plan,
    risk: { score: row.risk.score, factors: [...row.risk.factors] },
    risk_threshold: row.risk_threshold,
    approval_required: row.approval_required,
    approval_ends_at: isoOrNull(row.approval_ends_at),
    base_at: isoOrNull(baseOf(row)),
    devices,
    current_ring: currentRing === null ? null : (row.plan.rings[currentRing]?.name ?? null),
    correlation_id: row.correlation_id,
    created_by: row.created_by,
    created_at: iso(row.created_at),
    started_at: isoOrNull(row.started_at),
    ended_at: isoOrNull(row.ended_at),
    workflow_id: deploymentWorkflowId(row.id),
  };
}

export function toRing(
  deployment: DeploymentRow,
  row: RingRow,
  counts: DeviceCounts,
): DeploymentRing | undefined {
  const ring = deployment.plan.rings[row.position];
  if (ring === undefined) return undefined;
  const base = baseOf(deployment);
  return {
    position: row.position,
    name: ring.name,
    state: row.state,
    reason: row.reason,
    size: ring.size,
    gates: ring.gates,
    soak_seconds: ring.soak_seconds,
    starts_at: base === null ? null : iso(startOf(ring, base)),
    deadline_at: base === null ? null : isoOrNull(deadlineOf(ring, base)),
    opened_at: isoOrNull(row.opened_at),
    soak_started_at: isoOrNull(row.soak_started_at),
    ended_at: isoOrNull(row.ended_at),
    devices: counts.byState(row.position),
    failures: counts.byFailure(row.position),
  };
}

export const toDevice = (row: DeviceRow & { hostname: string }, ringName: string): DeploymentDevice => ({
  agent_id: row.agent_id,
  hostname: row.hostname,
  ring: ringName,
  state: row.state,
  attempts: row.attempts,
  failure_kind: row.failure_kind,
  reason: row.reason,
  task_id: row.task_id,
  rollback_task_id: row.rollback_task_id,
  joined_at: iso(row.joined_at),
  dispatched_at: isoOrNull(row.dispatched_at),
  settled_at: isoOrNull(row.settled_at),
});
