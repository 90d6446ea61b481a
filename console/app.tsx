import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { csrf } from 'hono/csrf';
import { createMiddleware } from 'hono/factory';
import { HTTPException } from 'hono/http-exception';
import { secureHeaders } from 'hono/secure-headers';
import { identitySchema } from '../contracts/access/access.ts';
import { Api } from './api.ts';
import { addAssets } from './assets.ts';
import { Page } from './components/page.tsx';
import { ProblemNote } from './components/parts.tsx';
import { LiveHub } from './live/hub.ts';
import { addLive } from './live/route.ts';
import { addAgent, agentTopic } from './pages/agent.tsx';
import { addAgentEnds } from './pages/agent-ends.tsx';
import { addAgentTasks } from './pages/agent-tasks.tsx';
import { addAgents } from './pages/agents.tsx';
import { addAlerts } from './pages/alerts.tsx';
import { addAudit } from './pages/audit.tsx';
import { addDeploy } from './pages/deploy.tsx';
import { addDeployment, deploymentTopic } from './pages/deployment.tsx';
import { addDeployments } from './pages/deployments.tsx';
import { addExceptions } from './pages/exceptions.tsx';
import { addFleet, fleetTopic } from './pages/fleet.tsx';
import { addIncident, incidentTopic } from './pages/incident.tsx';
import { addIncidents } from './pages/incidents.tsx';
import { addLogIn } from './pages/login.tsx';
import { addPackage, packageTopic } from './pages/package.tsx';
import { addPackages } from './pages/packages.tsx';
import { addSbom } from './pages/sbom.tsx';
import { addSettings } from './pages/settings.tsx';
import { addSingleSignOn } from './pages/single-sign-on.tsx';
import { addTask, taskTopic } from './pages/task.tsx';
import { addTasks } from './pages/tasks.tsx';
import { ApiProblem } from './problem.ts';
import { Sessions } from './session.ts';
import type { AddPages, ConsoleApp, ConsoleContext, ConsoleEnv, ConsoleOptions } from './types.ts';

/** Nothing but what the platform itself serves; what a hostile agent reports cannot become a script. */
const CONTENT_SECURITY_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'"],
  connectSrc: ["'self'"],
  formAction: ["'self'"],
  baseUri: ["'none'"],
  frameAncestors: ["'none'"],
};

const OPEN: readonly AddPages[] = [addAssets, addLogIn, addSingleSignOn];
const CLOSED: readonly AddPages[] = [
  addFleet,
  addAgents,
  addAgentTasks,
  addAgent,
  addAgentEnds,
  addTasks,
  addTask,
  addPackages,
  addPackage,
  addSbom,
  addDeploy,
  addExceptions,
  addDeployments,
  addDeployment,
  addIncidents,
  addIncident,
  addAlerts,
  addAudit,
  addSettings,
  addLive,
];

/** The operators' pages below `/console`: everything they show and do goes through the API, as the operator. */
export function createConsole(options: ConsoleOptions): ConsoleApp {
  const app: ConsoleApp = new Hono<ConsoleEnv>({ strict: false });
  const sessions = new Sessions(options.secret);
  const hub = new LiveHub({
    fleet: fleetTopic,
    agent: agentTopic,
    task: taskTopic,
    package: packageTopic,
    deployment: deploymentTopic,
    incident: incidentTopic,
  });
  options.stopping.addEventListener('abort', () => hub.close(), { once: true });
  const context: ConsoleContext = { options, sessions, hub };

  app.use(secureHeaders({ contentSecurityPolicy: CONTENT_SECURITY_POLICY, referrerPolicy: 'same-origin' }));
  // By host: where TLS is ended in front, the scheme seen here is not the browser's.
  app.use(csrf({ origin: (origin, c) => hostOf(origin) === c.req.header('host') }));
  // Sizes of answers tell other sites nothing: their requests come without the session, whose cookie is of this site alone.
  app.use(compress());
  app.use(async (c, next) => {
    await next();
    if (!c.res.headers.has('Cache-Control')) c.res.headers.set('Cache-Control', 'no-store');
  });
  app.onError((error, c) => {
    const problem = error instanceof HTTPException ? foreignForm(error) : problemOf(error);
    if (problem.status === 401) {
      sessions.end(c);
      return c.redirect(`/console/login?next=${encodeURIComponent(pathOf(c.req.url))}`, 303);
    }
    c.status(problem.status as 404);
    return c.html(
      <Page title={problem.title} operator={c.var.operator}>
        <ProblemNote problem={problem} />
        <a href="/console">To the fleet</a>
      </Page>,
    );
  });

  for (const add of OPEN) add(app, context);
  app.use('/console/*', signedIn(context));
  for (const add of CLOSED) add(app, context);
  return app;
}

/** Lets in who has a session whose token the API accepts; sends everyone else to the log-in. */
function signedIn({ options, sessions }: ConsoleContext) {
  return createMiddleware<ConsoleEnv>(async (c, next) => {
    const token = await sessions.token(c);
    if (token === undefined)
      return c.redirect(`/console/login?next=${encodeURIComponent(pathOf(c.req.url))}`, 303);
    const api = new Api((path, init) => options.send(path, init, c.env), token, c.env.correlationId);
    c.set('token', token);
    c.set('api', api);
    c.set('operator', await api.get('/whoami', identitySchema));
    return next();
  });
}

function problemOf(error: Error): ApiProblem['problem'] {
  if (error instanceof ApiProblem) return error.problem;
  throw error;
}

/** The guard against forms of other sites knows nothing of our problems. */
function foreignForm(error: HTTPException): ApiProblem['problem'] {
  if (error.status !== 403) throw error;
  return {
    status: 403,
    code: 'forbidden',
    title: 'The form came from another site',
    detail: 'Open the console itself and do it there.',
    correlation_id: '',
  };
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}
