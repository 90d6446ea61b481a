import type { Creation } from '../../../db/stores/agent-task/creation.ts';
import { ApiError } from '../../problems.ts';
import { notFound } from '../types.ts';

/** Why a task was not created, as the caller is told. */
export function refuseCreation(
  kind: Exclude<Creation, { task: unknown }>['kind'],
  agentId: string,
): ApiError {
  switch (kind) {
    case 'no_agent':
      return notFound('agent', agentId);
    case 'agent_revoked':
      return new ApiError('agent-state-conflict', 'The agent was revoked and takes no more tasks.');
    case 'key_reused':
      return new ApiError('idempotency-conflict', 'Use a new Idempotency-Key for a new task.');
  }
}
