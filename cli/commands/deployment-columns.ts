import type {
  Decision,
  Deployment,
  DeploymentDevice,
  DeploymentRing,
} from '../../contracts/deployment/deployment.ts';
import { ringLine } from '../output/deployment-view.ts';
import { type Column, json, pairs, text } from '../output/printer.ts';

export const deploymentColumns: readonly Column<Deployment>[] = [
  { title: 'ID', text: (item) => item.id },
  { title: 'NAME', text: (item) => text(item.name) },
  { title: 'STATUS', text: (item, out) => out.status(item.status) },
  { title: 'RING', text: (item) => text(item.current_ring) },
  { title: 'DEVICES', text: (item) => pairs(item.devices) },
  { title: 'RISK', text: (item) => `${item.risk.score}/${item.risk_threshold}` },
  { title: 'CREATED', text: (item, out) => out.time(item.created_at) },
];

const riskText = ({ risk }: Deployment): string =>
  risk.factors
    .map(({ factor, points, max_points, reason }) => `${factor} ${points}/${max_points}: ${reason}`)
    .join('\n');

/** A deployment with its rings and what was decided. */
export interface WholeDeployment {
  readonly deployment: Deployment;
  readonly rings: readonly DeploymentRing[];
  readonly decisions: readonly Decision[];
}

const whole = (column: Column<Deployment>): Column<WholeDeployment> => ({
  title: column.title,
  text: ({ deployment }, out) => column.text(deployment, out),
});

export const deploymentFields: readonly Column<WholeDeployment>[] = [
  ...deploymentColumns.map(whole),
  { title: 'WHY', text: ({ deployment }) => text(deployment.reason) },
  {
    title: 'RINGS',
    text: ({ rings }) =>
      rings.map((ring) => ringLine(ring, Math.max(...rings.map(({ name }) => name.length)))).join('\n'),
  },
  { title: 'RISK FACTORS', text: ({ deployment }) => riskText(deployment) },
  {
    title: 'DECISION',
    text: ({ decisions }) =>
      text(
        decisions
          .map(
            ({ decision, approver, comment }) =>
              `${decision} by ${approver}${comment === '' ? '' : `: ${comment}`}`,
          )
          .join('; '),
      ),
  },
  { title: 'CONDITIONS', text: ({ decisions }) => json(decisions[0]?.conditions ?? null) },
  { title: 'APPROVAL ENDS', text: ({ deployment }, out) => out.time(deployment.approval_ends_at) },
  { title: 'PIPELINE', text: ({ deployment }) => deployment.pipeline_id },
  { title: 'EVIDENCE', text: ({ deployment }) => text(deployment.evidence_id) },
  { title: 'GOES BACK TO', text: ({ deployment }) => text(deployment.previous_pipeline_id) },
  { title: 'SELECTION', text: ({ deployment }) => pairs(deployment.selection) },
  { title: 'CREATED BY', text: ({ deployment }) => text(deployment.created_by) },
  { title: 'STARTED', text: ({ deployment }, out) => out.time(deployment.started_at) },
  { title: 'ENDED', text: ({ deployment }, out) => out.time(deployment.ended_at) },
  { title: 'CORRELATION ID', text: ({ deployment }) => text(deployment.correlation_id) },
  { title: 'WORKFLOW', text: ({ deployment }) => text(deployment.workflow_id) },
];

export const deviceColumns: readonly Column<DeploymentDevice>[] = [
  { title: 'AGENT', text: (device) => device.agent_id },
  { title: 'HOSTNAME', text: (device) => text(device.hostname) },
  { title: 'RING', text: (device) => text(device.ring) },
  { title: 'STATE', text: (device, out) => out.status(device.state) },
  { title: 'ATTEMPTS', text: (device) => String(device.attempts) },
  { title: 'KIND', text: (device) => text(device.failure_kind) },
  { title: 'REASON', text: (device) => text(device.reason) },
  { title: 'TASK', text: (device) => text(device.rollback_task_id ?? device.task_id) },
];
