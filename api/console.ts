import type { Context } from 'hono';
import { createConsole } from '../console/app.tsx';
import type { Config } from '../contracts/config.ts';
import { isWithin } from '../runtime/network/blocks.ts';
import type { ApiDependencies, ApiEnv } from './context.ts';
import { parseBlocks, remoteAddress } from './middleware/address.ts';
import type { App } from './routes/types.ts';

/**
 * The operators' pages, on the operators' listener. They call the API's routes in this process, with the operator's
 * own credentials and address, so that there is one place that decides what anybody may do.
 */
export function addConsole(app: App, deps: ApiDependencies): void {
  const proxies = parseBlocks(deps.config.EUCORA_TRUSTED_PROXIES);
  const pages = createConsole({
    send: (path, init, env) => app.request(path, init, env),
    secret: deps.consoleSecret,
    stopping: deps.stopping,
    singleSignOn: singleSignOn(deps.config),
    workflowsUrl: workflowsUrl(deps),
  });
  const serve = (c: Context<ApiEnv>) =>
    pages.fetch(c.req.raw, {
      ...c.env,
      correlationId: c.var.correlationId,
      // The listener itself speaks plain HTTP; TLS is ended in front of it.
      secure: isWithin(remoteAddress(c), proxies) && c.req.header('x-forwarded-proto') === 'https',
    });
  app.all('/console', serve);
  app.all('/console/*', serve);
}

/** Where the Temporal Web UI shows workflows, if its address is known. */
function workflowsUrl({ config, temporalNamespace }: ApiDependencies): string | undefined {
  const { TEMPORAL_UI_URL: ui } = config;
  if (ui === undefined) return undefined;
  return `${ui.replace(/\/$/, '')}/namespaces/${encodeURIComponent(temporalNamespace)}/workflows`;
}

function singleSignOn(config: Config) {
  const {
    EUCORA_OIDC_ISSUER: issuer,
    EUCORA_OIDC_CLIENT_ID: clientId,
    EUCORA_CONSOLE_URL: publicUrl,
  } = config;
  if (issuer === undefined || clientId === undefined || publicUrl === undefined) return undefined;
  return { issuer, clientId, publicUrl, clientSecret: config.EUCORA_OIDC_CLIENT_SECRET };
}
