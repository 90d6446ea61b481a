import type { AgentRoute } from '../types.ts';
import { downloadArtifact } from './download-artifact.ts';
import { heartbeat } from './heartbeat.ts';
import { listOwnTasks } from './list-tasks.ts';
import { register } from './register.ts';
import { renewCertificate } from './renew-certificate.ts';
import { reportDeployment } from './report-deployment.ts';
import { sendTelemetry } from './send-telemetry.ts';
import { completeTask, failTask, progressTask, startTask } from './task-words.ts';

/** All that agents may call. */
export const agentRoutes: readonly AgentRoute[] = [
  register,
  renewCertificate,
  heartbeat,
  listOwnTasks,
  startTask,
  progressTask,
  completeTask,
  failTask,
  sendTelemetry,
  reportDeployment,
  downloadArtifact,
];
