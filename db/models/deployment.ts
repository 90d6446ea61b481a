import type { Platform } from '../../contracts/agent/agent.ts';
import type {
  ApprovalConditions,
  CreateDeployment,
  RolloutPlan,
} from '../../contracts/deployment/deployment.ts';
import type { Risk } from '../../contracts/deployment/risk.ts';
import type {
  DeploymentStatus,
  DeviceState,
  FailureKind,
  RingState,
} from '../../contracts/deployment/states.ts';

/** What the package asks of machines, as the intent gave it. */
export type PackageRules = Pick<CreateDeployment, 'detection' | 'requirements' | 'dependencies' | 'replaces'>;

export interface DeploymentRow {
  id: string;
  name: string;
  status: DeploymentStatus;
  reason: string;
  /** Said by a person, so that it stays out of workflows. */
  reason_by_operator: boolean;
  version: number;
  pipeline_id: string;
  package_name: string;
  package_version: string;
  platform: Platform;
  evidence_id: string;
  previous_pipeline_id: string | null;
  selection: CreateDeployment['selection'];
  plan: RolloutPlan;
  package_rules: PackageRules;
  risk: Risk;
  risk_score: number;
  risk_threshold: number;
  approval_required: boolean;
  approval_ends_at: Date | null;
  reminded_at: Date | null;
  conditions: ApprovalConditions | null;
  base_at: Date | null;
  started_at: Date | null;
  health_looked_at: Date | null;
  rollback_began_at: Date | null;
  ended_at: Date | null;
  /** Since when late joiners get nothing more: too many of them failed. */
  joiners_stopped_at: Date | null;
  correlation_id: string;
  created_by: string;
  created_at: Date;
}

export interface RingRow {
  deployment_id: string;
  position: number;
  state: RingState;
  reason: string;
  opened_at: Date | null;
  soak_started_at: Date | null;
  held_at: Date | null;
  ended_at: Date | null;
}

export interface DeviceRow {
  deployment_id: string;
  agent_id: string;
  ring: number;
  state: DeviceState;
  attempts: number;
  failure_kind: FailureKind | null;
  reason: string | null;
  task_id: string | null;
  rollback_task_id: string | null;
  joined_at: Date;
  dispatched_at: Date | null;
  settled_at: Date | null;
}
