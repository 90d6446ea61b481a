import type { Readable } from 'node:stream';
import { type AgentConfig, type Environment, loadConfig } from './config.ts';
import { ConfigurationError, EXIT } from './exit-codes.ts';
import { helpText } from './help.ts';
import { createLogger, type Logger, messageOf } from './log.ts';
import { run } from './process/run.ts';
import { homeAt, prepareHome } from './storage/home.ts';
import { acquireLock } from './storage/lock.ts';
import { Launcher } from './update/launcher.ts';
import { UpdateState } from './update/state.ts';
import { type SpawnWorker, SUPERVISED, workerSpawner } from './update/worker-process.ts';
import { AGENT_VERSION } from './version.ts';
import { AgentWorker } from './worker/worker.ts';

/** What the process gives the command; tests give others. */
export interface Io {
  readonly args: readonly string[];
  readonly env: Environment;
  /** The file that runs, which the launcher starts as worker. */
  readonly file: string;
  readonly platform: NodeJS.Platform;
  readonly isRoot: boolean;
  readonly stdin: Readable;
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
  /** Calls `handler` for every request to stop. */
  readonly onSignal: (handler: (signal: NodeJS.Signals) => void) => void;
  readonly spawn?: SpawnWorker;
}

interface Context {
  readonly io: Io;
  readonly config: AgentConfig;
  readonly log: Logger;
}

async function launch({ io, config, log }: Context): Promise<number> {
  const home = homeAt(config.home);
  await prepareHome(home);
  const lock = await acquireLock(home.launcherLock);
  const launcher = new Launcher({
    state: new UpdateState(home),
    spawn: io.spawn ?? workerSpawner(io.env),
    builtin: { file: io.file, version: AGENT_VERSION },
    versions: home.versions,
    log,
    // The worker's own grace, and time for its last words.
    stopMs: config.stopGraceMs + 10_000,
  });
  io.onSignal((signal) => launcher.stop(signal));
  try {
    return await launcher.run();
  } finally {
    await lock.release();
  }
}

function createWorker({ io, config, log }: Context, supervised: boolean): Promise<AgentWorker> {
  const { platform, isRoot, file } = io;
  return AgentWorker.create({ config, log, version: AGENT_VERSION, supervised, run, platform, isRoot, file });
}

async function work(context: Context, supervised: boolean): Promise<number> {
  const { io } = context;
  const worker = await createWorker(context, supervised);
  io.onSignal(() => worker.stop());
  if (supervised) {
    // The pipe to the launcher: it closes when the launcher ends, however it ends.
    io.stdin.on('end', () => worker.stop()).on('error', () => worker.stop());
    io.stdin.resume();
  }
  return worker.run();
}

async function once(context: Context): Promise<number> {
  const worker = await createWorker(context, false);
  const answer = await worker.once();
  context.io.print(`${JSON.stringify({ agent_id: worker.parts.session.agentId, ...answer }, null, 2)}\n`);
  return EXIT.ok;
}

async function command(io: Io, name: string, flags: readonly string[]): Promise<number> {
  const config = loadConfig(io.env, io.platform);
  const log = createLogger(config.logLevel, io.print, { role: name });
  const context = { io, config, log };
  if (name === 'run') return launch(context);
  if (name === 'work') return work(context, flags.includes(SUPERVISED));
  return once({ ...context, log: createLogger('silent', io.print) });
}

/** Runs the command line; resolves with the exit code, having told what went wrong and what to do. */
export async function main(io: Io): Promise<number> {
  const [name, ...flags] = io.args;
  if (name === '--version') {
    io.print(`${AGENT_VERSION}\n`);
    return EXIT.ok;
  }
  if (name === '--help' || name === 'help') {
    io.print(helpText(io.platform));
    return EXIT.ok;
  }
  const unknown = flags.find((flag) => name !== 'work' || flag !== SUPERVISED);
  if (name === undefined || !['run', 'work', 'once'].includes(name) || unknown !== undefined) {
    io.complain(
      `eucora-agent: ${name === undefined ? 'no command given' : `unknown: ${unknown ?? name}`}; see --help\n`,
    );
    return EXIT.usage;
  }
  try {
    return await command(io, name, flags);
  } catch (error) {
    io.complain(`eucora-agent: ${messageOf(error)}\n`);
    return error instanceof ConfigurationError ? EXIT.configuration : EXIT.failed;
  }
}
