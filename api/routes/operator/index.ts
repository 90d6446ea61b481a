import { deploymentRoutes } from '../deployment/index.ts';
import { incidentRoutes } from '../incident/index.ts';
import { packagingRoutes } from '../packaging/index.ts';
import type { OperatorRoute } from '../types.ts';
import { cancelTask } from './cancel-task.ts';
import { createEnrolmentToken } from './create-enrolment-token.ts';
import { createOperatorToken } from './create-operator-token.ts';
import { createTask } from './create-task.ts';
import { createTasks } from './create-tasks.ts';
import { deleteAgent } from './delete-agent.ts';
import { editAgent } from './edit-agent.ts';
import { listAgents } from './list-agents.ts';
import { listAlerts } from './list-alerts.ts';
import { listArtifacts } from './list-artifacts.ts';
import { listAuditEvents } from './list-audit-events.ts';
import { listCertificates } from './list-certificates.ts';
import { listDeploymentStatuses } from './list-deployment-statuses.ts';
import { listEnrolmentTokens } from './list-enrolment-tokens.ts';
import { listOfflineQueue } from './list-offline-queue.ts';
import { listOperatorTokens } from './list-operator-tokens.ts';
import { listTasks } from './list-tasks.ts';
import { listTelemetry } from './list-telemetry.ts';
import { retryTask } from './retry-task.ts';
import { revokeAgent } from './revoke-agent.ts';
import { revokeEnrolmentToken } from './revoke-enrolment-token.ts';
import { revokeOperatorToken } from './revoke-operator-token.ts';
import { showAgent } from './show-agent.ts';
import { showFleetHistory } from './show-fleet-history.ts';
import { showFleetSummary } from './show-fleet-summary.ts';
import { showIdentity } from './show-identity.ts';
import { showSoftware } from './show-software.ts';
import { showTask } from './show-task.ts';
import { showTelemetryHistory } from './show-telemetry-history.ts';
import { uploadArtifact } from './upload-artifact.ts';

/** All that operators may call. */
export const operatorRoutes: readonly OperatorRoute[] = [
  listAgents,
  showAgent,
  editAgent,
  revokeAgent,
  deleteAgent,
  listTelemetry,
  showTelemetryHistory,
  showSoftware,
  listCertificates,
  showFleetSummary,
  showFleetHistory,
  createTask,
  createTasks,
  listTasks,
  showTask,
  cancelTask,
  retryTask,
  listOfflineQueue,
  listDeploymentStatuses,
  uploadArtifact,
  listArtifacts,
  listAlerts,
  ...incidentRoutes,
  listAuditEvents,
  createEnrolmentToken,
  listEnrolmentTokens,
  revokeEnrolmentToken,
  createOperatorToken,
  listOperatorTokens,
  revokeOperatorToken,
  showIdentity,
  ...packagingRoutes,
  ...deploymentRoutes,
];
