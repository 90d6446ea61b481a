import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { MAX_AGENT_BODY_BYTES } from './agent-configuration.ts';
import type { ApiDependencies, ApiEnv } from './context.ts';
import { createAuthorize } from './middleware/authorize.ts';
import { correlation } from './middleware/correlation.ts';
import { apiHeaders, limitBody, throwErrors } from './middleware/guards.ts';
import { createAgentGate } from './middleware/identify.ts';
import { observe } from './middleware/observe.ts';
import { allowedMethods } from './openapi/allowed-methods.ts';
import { addDocumentation } from './openapi/documentation.ts';
import { ApiError, problemResponse, toApiError } from './problems.ts';
import { agentRoutes } from './routes/agent/index.ts';
import { operatorRoutes } from './routes/operator/index.ts';
import { addCaCertificate } from './routes/public/ca-certificate.ts';
import { addHealth } from './routes/public/health.ts';
import { metrics } from './routes/public/metrics.ts';
import type { App } from './routes/types.ts';

/** Largest JSON body of an operator, in bytes; artifacts have a limit of their own. */
const MAX_OPERATOR_BODY_BYTES = 2 * 1_048_576;
const ARTIFACTS_PATH = /^\/api\/v1\/artifacts\/?$/;

/** What all listeners share: correlation, logs, errors as problem details. */
function baseApp(listener: string, deps: ApiDependencies): App {
  const app = new OpenAPIHono<ApiEnv>({
    strict: false,
    defaultHook: (result, c) => {
      if (result.success) return undefined;
      // A path of its own that reads like one with a parameter: `/tasks/bulk` is no task.
      const allowed = allowedMethods(app, c.req.path);
      if (result.target === 'param' && !allowed.includes(c.req.method.replace('HEAD', 'GET')))
        return methodNotAllowed(c, allowed);
      throw new ApiError('validation-failed', 'Mend the values named in errors.', {
        errors: result.error.issues
          .slice(0, 50)
          .map((issue) => ({ path: issue.path.join('.'), message: issue.message })),
      });
    },
  });
  app.use(correlation, observe(listener, deps.logger, deps.metrics), apiHeaders, throwErrors);
  app.onError((error, c) => {
    const known = toApiError(error);
    if (known.code === 'internal-error')
      deps.logger.error({ err: error, correlation_id: c.var.correlationId }, 'A request failed');
    return problemResponse(c, known);
  });
  app.notFound((c) => {
    const allowed = allowedMethods(app, c.req.path);
    if (allowed.length === 0)
      return problemResponse(c, new ApiError('not-found', 'There is nothing at this path.'));
    return methodNotAllowed(c, allowed);
  });
  return app;
}

function methodNotAllowed(c: Context<ApiEnv>, allowed: readonly string[]): Response {
  c.header('Allow', allowed.join(', '));
  return problemResponse(c, new ApiError('method-not-allowed', `The path takes ${allowed.join(', ')}.`));
}

/** What agents reach, by mutual TLS or behind a TLS-ending proxy. */
export function createAgentApp(deps: ApiDependencies): App {
  const app = baseApp('agent', deps);
  app.use(limitBody(MAX_AGENT_BODY_BYTES));
  addHealth(app, deps.intakeReadiness);
  addCaCertificate(app, deps.authority.certificatePem);
  const gate = createAgentGate(deps);
  for (const add of agentRoutes) add(app, deps, gate);
  return app;
}

/** What operators reach. Documents both, so that authors of agents find theirs, too. */
export function createOperatorApp(deps: ApiDependencies, agentApp: App, agentUrl: () => string): App {
  const app = baseApp('operator', deps);
  const limit = limitBody(MAX_OPERATOR_BODY_BYTES);
  app.use((c, next) => (ARTIFACTS_PATH.test(c.req.path) ? next() : limit(c, next)));
  addHealth(app, deps.readiness);
  addCaCertificate(app, deps.authority.certificatePem);
  const authorize = createAuthorize(deps);
  for (const add of [...operatorRoutes, metrics]) add(app, deps, authorize);
  addDocumentation(app, agentApp, agentUrl);
  return app;
}
