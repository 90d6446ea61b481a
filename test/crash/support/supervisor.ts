import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRunning, type ProcessIdentity } from '../../../cli/engines/processes.ts';
import { type Endpoints, readEndpoints, removeEndpoints } from '../../../cli/platform/endpoints.ts';
import { type DataLayout, layoutOf } from '../../../cli/platform/paths.ts';
import { PROCESS_NAMES, type ProcessName } from '../../../cli/platform/run-records.ts';
import { eventually } from './insist.ts';

const PORTS = ['OPERATOR', 'AGENT', 'POSTGRES', 'TEMPORAL', 'TEMPORAL_UI', 'WORKER_HEALTH'] as const;
const ENTRY = join(__dirname, '../../../dist/cli/platform/main.js');

/** The platform as a person starts it: a supervisor in a process of its own, which can be killed. */
export class Supervisor {
  readonly endpoints: Endpoints;
  readonly databaseUrl: string;
  readonly children: ReadonlyMap<ProcessName, ProcessIdentity>;
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;

  private constructor(
    process: ChildProcess,
    exited: Promise<void>,
    endpoints: Endpoints,
    databaseUrl: string,
    children: ReadonlyMap<ProcessName, ProcessIdentity>,
  ) {
    this.#process = process;
    this.#exited = exited;
    this.endpoints = endpoints;
    this.databaseUrl = databaseUrl;
    this.children = children;
  }

  static async start(dataDir: string, env: Record<string, string>): Promise<Supervisor> {
    const layout = layoutOf(dataDir);
    // A killed one left its own behind.
    await removeEndpoints(layout.endpoints);
    const child = spawn(process.execPath, [ENTRY], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...Object.fromEntries(PORTS.map((name) => [`EUCORA_${name}_PORT`, '0'])),
        EUCORA_DATA_DIR: dataDir,
        EUCORA_LOG_LEVEL: 'warn',
        ...env,
      },
    });
    let said = '';
    const log = createWriteStream(`${dataDir}.log`, { flags: 'a' });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        log.write(chunk);
      });
    }
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
    });
    // Its last words may come after its end.
    child.once('close', () => log.end());
    const endpoints = await eventually('the platform is ready', 90_000, async () => {
      if (child.exitCode !== null) throw new Error(said);
      return readEndpoints(layout.endpoints);
    });
    const children = new Map<ProcessName, ProcessIdentity>();
    for (const name of PROCESS_NAMES) {
      const record = await readFile(join(layout.run, `${name}.json`), 'utf8');
      children.set(name, JSON.parse(record) as ProcessIdentity);
    }
    return new Supervisor(child, exited, endpoints, await databaseUrlOf(layout), children);
  }

  /** SIGKILL: it can neither stop its children nor tidy up. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    await this.#exited;
  }

  /** Those of its children that still run. */
  async survivors(): Promise<ProcessName[]> {
    const alive: ProcessName[] = [];
    for (const [name, identity] of this.children) if (await isRunning(identity)) alive.push(name);
    return alive;
  }
}

async function databaseUrlOf(layout: DataLayout): Promise<string> {
  const password = (await readFile(`${layout.postgres}-password`, 'utf8')).trim();
  // Its fourth line is the port.
  const port = (await readFile(join(layout.postgres, 'postmaster.pid'), 'utf8')).split('\n')[3];
  return `postgres://eucora:${encodeURIComponent(password)}@127.0.0.1:${port}/eucora`;
}
