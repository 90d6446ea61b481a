import type { OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import type { Actor } from '../../contracts/audit/audit.ts';
import { idSchema } from '../../contracts/http/common.ts';
import type { ErrorCode } from '../../contracts/http/errors.ts';
import type { ApiDependencies, ApiEnv, Operator } from '../context.ts';
import type { Authorize } from '../middleware/authorize.ts';
import type { AgentGate } from '../middleware/identify.ts';
import { ApiError } from '../problems.ts';

export type App = OpenAPIHono<ApiEnv>;
/** Adds one route to the agents' listener. */
export type AgentRoute = (app: App, deps: ApiDependencies, gate: AgentGate) => void;
/** Adds one route to the operators' listener. */
export type OperatorRoute = (app: App, deps: ApiDependencies, authorize: Authorize) => void;

export const idParams = z.object({ id: idSchema });
/** What every route may answer that takes a body of an agent about itself. */
export const AGENT_BODY_PROBLEMS = [
  'certificate-required',
  'certificate-invalid',
  'agent-revoked',
  'wrong-agent',
  'payload-too-large',
  'unsupported-media-type',
] as const satisfies readonly ErrorCode[];
export const AGENT_SECURITY = [{ agentCertificate: [] }];
export const OPERATOR_SECURITY = [{ operatorToken: [] }];

export const actorOf = (operator: Operator): Actor => ({ type: 'operator', id: operator.name });

export function notFound(what: string, id: string): ApiError {
  return new ApiError('not-found', `There is no ${what} ${id}.`);
}
