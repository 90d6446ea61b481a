import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { z } from 'zod';
import { addConsole } from './console.ts';
import type { ApiDependencies, ApiEnv } from './context.ts';
import { createAuthorize } from './middleware/authorize.ts';
import { correlation } from './middleware/correlation.ts';
import { apiHeaders, throwErrors } from './middleware/guards.ts';
import { createAgentGate } from './middleware/identify.ts';
import { createObserver, observe } from './middleware/observe.ts';
import { allowedMethods } from './openapi/allowed-methods.ts';
import { addDocumentation } from './openapi/documentation.ts';
import { ApiError, isBrokenOff, problemResponse, toApiError } from './problems.ts';
import { agentRoutes } from './routes/agent/index.ts';
import { operatorRoutes } from './routes/operator/index.ts';
import { addCaCertificate } from './routes/public/ca-certificate.ts';
import { addHealth } from './routes/public/health.ts';
import { metrics } from './routes/public/metrics.ts';
import type { App } from './routes/types.ts';

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
        errors: result.error.issues.flatMap(toErrors).slice(0, 50),
      });
    },
  });
  app.use(correlation, observe(createObserver(listener, deps.logger, deps.metrics)), apiHeaders, throwErrors);
  app.onError((error, c) => {
    const known = isBrokenOff(error, c)
      ? new ApiError('invalid-request', 'The body did not come as a whole.')
      : toApiError(error);
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

/** One entry a wrong value; unknown names are told one by one, too. */
function toErrors(issue: z.core.$ZodIssue): { path: string; message: string }[] {
  if (issue.code !== 'unrecognized_keys') return [{ path: issue.path.join('.'), message: issue.message }];
  return issue.keys.map((key) => ({
    path: [...issue.path, key.slice(0, 128)].join('.'),
    message: 'is not known here',
  }));
}

function methodNotAllowed(c: Context<ApiEnv>, allowed: readonly string[]): Response {
  c.header('Allow', allowed.join(', '));
  return problemResponse(c, new ApiError('method-not-allowed', `The path takes ${allowed.join(', ')}.`));
}

/** What agents reach, by mutual TLS or behind a TLS-ending proxy. */
export function createAgentApp(deps: ApiDependencies): App {
  const app = baseApp('agent', deps);
  addHealth(app, deps.intakeReadiness);
  addCaCertificate(app, deps.authority.certificatePem);
  const gate = createAgentGate(deps);
  for (const add of agentRoutes) add(app, deps, gate);
  return app;
}

/** What operators reach. Documents both, so that authors of agents find theirs, too. */
export function createOperatorApp(deps: ApiDependencies, agentApp: App, agentUrl: () => string): App {
  const app = baseApp('operator', deps);
  addHealth(app, deps.readiness);
  addCaCertificate(app, deps.authority.certificatePem);
  const authorize = createAuthorize(deps);
  for (const add of [...operatorRoutes, metrics]) add(app, deps, authorize);
  addDocumentation(app, agentApp, agentUrl);
  addConsole(app, deps);
  return app;
}
