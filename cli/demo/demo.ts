import { mkdtemp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createdEnrolmentTokenSchema } from '../../contracts/agent/enrolment.ts';
import { SEARCH_ATTRIBUTES } from '../../contracts/temporal.ts';
import { Api } from '../client/api.ts';
import { connect } from '../client/connection.ts';
import type { Io } from '../client/io.ts';
import { consoleProgress, type LineSink } from '../platform/console.ts';
import { dataDirectory } from '../platform/paths.ts';
import { type PlatformOptions, type RunningPlatform, startPlatform } from '../platform/start.ts';
import { AgentProcess } from './agent-process.ts';
import { removePackages } from './artifacts.ts';
import { Factory } from './factory.ts';
import { remedyIncident } from './incident-steps.ts';
import { demoPlace, markAsDemo, withoutForeign } from './place.ts';
import { Scene } from './scene.ts';
import * as steps from './steps.ts';
import { Teller } from './teller.ts';
import { KNOWN_ADVISORIES, writeTrivyDatabase } from './trivy-database.ts';

export interface DemoOptions {
  readonly io: Io;
  readonly sink: LineSink;
  /** End after the run instead of staying up. */
  readonly exit: boolean;
  readonly platform?: PlatformOptions;
  /** The bundled agent. */
  readonly agentFile?: string;
}

/** Short, so that a minute shows what takes minutes otherwise. */
const QUICK = {
  EUCORA_HEARTBEAT_INTERVAL_SECONDS: '2',
  EUCORA_TELEMETRY_INTERVAL_SECONDS: '5',
  EUCORA_OFFLINE_AFTER_SECONDS: '10',
  EUCORA_INCIDENT_OBSERVE_SECONDS: '4',
  // A fleet of seven is no great risk, least among those of demos before: here it takes a second person all the same.
  EUCORA_CAB_RISK_THRESHOLD: '0',
};

/**
 * Shows the main job on real input: platform, agent, four kinds of task, an incident, offline and back, and a
 * program on its way from source to fleet.
 *
 * @returns the exit status: 0 if every step was seen
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { io, sink } = options;
  const teller = new Teller(sink, io.signal);
  const stopped = new Promise<void>((done) =>
    io.signal.addEventListener('abort', () => done(), { once: true }),
  );
  teller.line('EUCORA demo: heartbeats every 2 s and OFFLINE after 10 s here (by default 60 s and 5 min).');
  const { dataDir, movedFrom } =
    options.platform?.dataDir === undefined
      ? await demoPlace(process.env, dataDirectory())
      : { dataDir: options.platform.dataDir };
  if (movedFrom !== undefined) {
    teller.line(`${movedFrom} holds a platform that is not a demo's: the demo's is in ${dataDir}.`);
  }
  const marked = await markAsDemo(dataDir);
  const trivy = join(marked, 'trivy');
  await writeTrivyDatabase(trivy, KNOWN_ADVISORIES, new Date());
  const platform = await startPlatform({
    progress: consoleProgress(sink),
    signal: io.signal,
    ...options.platform,
    dataDir,
    env: {
      ...withoutForeign(process.env),
      ...QUICK,
      EUCORA_TRIVY_CACHE_DIR: trivy,
      ...options.platform?.env,
    },
  });
  let status = 1;
  let agent: AgentProcess | undefined;
  let factory: Factory | undefined;
  try {
    const scene = await prepare(options, platform, marked, teller);
    agent = scene.agent;
    factory = new Factory(scene, io, runOf(scene));
    status = (await play(scene, factory, teller, io)) ? 0 : 1;
    whereToLook(scene, teller);
    if (!options.exit) {
      teller.line('\nEverything stays up. Ctrl-C ends the agent and the platform.');
      await stopped;
    }
  } catch (error) {
    if (!io.signal.aborted) throw error;
  } finally {
    teller.line('\nStopping everything that was started …');
    await factory?.stop();
    await agent?.stop();
    if (isRoot()) await removePackages();
    await platform.stop();
  }
  return status;
}

async function prepare(
  options: DemoOptions,
  platform: RunningPlatform,
  marked: string,
  teller: Teller,
): Promise<Scene> {
  const { io } = options;
  const connection = await connect(io, {
    api: platform.endpoints.operator_api,
    tokenFile: platform.endpoints.admin_token_file,
    dataDirectory: platform.dataDir,
  });
  const api = new Api(io, connection, `demo-${io.now().toString(36)}`);
  const folder = await mkdtemp(join(marked, 'run-'));
  const run = runOf({ folder });
  const token = await api.post('/enrolment-tokens', createdEnrolmentTokenSchema, {
    name: `demo ${run}`,
    max_uses: 1,
    tags: { demo: run, ring: 'early' },
  });
  teller.line(
    `\nOperators: ${platform.endpoints.operator_api}   Agents: ${platform.endpoints.agent_api}   (correlation id ${api.correlationId})`,
  );
  teller.line(`An enrolment token for one machine was made; it presets the tag demo=${run}.`);
  const home = join(folder, 'agent');
  const installRoot = isRoot() ? undefined : join(home, 'root');
  const agent = new AgentProcess({
    file: options.agentFile ?? builtAgent(),
    home,
    logFile: join(folder, 'agent.log'),
    server: platform.endpoints.agent_api,
    ca: platform.endpoints.ca_certificate,
    registrationKey: token.token,
    ...(installRoot === undefined ? {} : { installRoot }),
  });
  return new Scene({ api, platform, agent, teller, signal: io.signal, folder, installRoot });
}

/** What tells this run from others in the same place. */
const runOf = ({ folder }: Pick<Scene, 'folder'>): string => folder.slice(folder.lastIndexOf('-') + 1);

async function play(scene: Scene, factory: Factory, teller: Teller, io: Io): Promise<boolean> {
  const enrolled = await teller.step('The agent enrols with a signing request and comes online', () =>
    steps.enrol(scene, `demo=${runOf(scene)}`),
  );
  if (!enrolled) {
    for (const line of await scene.agent.logTail()) teller.fact(line);
    return teller.conclude();
  }
  await teller.step('It sends telemetry of this machine', () => steps.telemetry(scene));
  await teller.step('COLLECT: the software that is installed here', () => steps.collect(scene));
  await teller.step('DEPLOY: a .deb, hash checked, installed, detected', () => steps.deploy(scene));
  await teller.step('DEPLOY: a package with a wrong hash is refused', () => steps.refuseWrongHash(scene));
  await teller.step('REMEDIATE: a script, with output, exit code and time limit', () =>
    steps.remediate(scene),
  );
  await teller.step('A failure becomes an incident, is explained, approved, and remedied on the device', () =>
    remedyIncident(scene, io),
  );
  await teller.step(
    'UPDATE: the agent replaces itself, and rolls back from a version that does not come up',
    () => steps.update(scene),
  );
  await teller.step('Killed: OFFLINE, a task waits; started again: the queue is replayed', () =>
    steps.offlineAndReplay(scene),
  );
  for (const [title, work] of factory.steps) await teller.step(title, work);
  await teller.step('Temporal finds the agent’s workflows', () =>
    steps.temporalKnows(scene, agentQuery(scene)),
  );
  return teller.conclude();
}

const agentQuery = (scene: Scene): string => `${SEARCH_ATTRIBUTES.agentId} = "${scene.agentId}"`;

function whereToLook(scene: Scene, teller: Teller): void {
  const { endpoints, dataDir } = scene.platform;
  teller.line('\nWhere to look');
  teller.line(
    `  API, to try it       ${endpoints.operator_api}/docs   (token: ${endpoints.admin_token_file})`,
  );
  if (scene.hasAgent) {
    const query = encodeURIComponent(agentQuery(scene));
    teller.line(
      `  Temporal Web UI      ${endpoints.temporal_ui}/namespaces/default/workflows?query=${query}`,
    );
    const command = `EUCORA_DATA_DIR='${dataDir}' npm run eucora --`;
    teller.line(`  Incidents            ${command} incidents list`);
    teller.line(`  Tasks of the agent   ${command} tasks list --agent ${scene.agentId}`);
    teller.line(
      `  Packages             ${endpoints.operator_api}/console/packages, ${command} packages list`,
    );
    teller.line(
      `  Deployments          ${endpoints.operator_api}/console/deployments, ${command} deployments list`,
    );
  }
  teller.line(`  Logs                 ${dataDir}/logs, ${scene.folder}/agent.log`);
}

const isRoot = (): boolean => process.getuid?.() === 0;

/** Beside this program, when both are built; in `dist/` when it runs from its source, in tests. */
function builtAgent(): string {
  const root = resolve(import.meta.dirname, '../..');
  return join(import.meta.url.endsWith('.ts') ? join(root, 'dist') : root, 'agent/eucora-agent.mjs');
}
