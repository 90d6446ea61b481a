import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { guard } from '../engines/guardian.ts';

export interface AgentProcessOptions {
  /** The bundled agent. */
  readonly file: string;
  readonly home: string;
  readonly logFile: string;
  readonly server: string;
  readonly ca: string;
  readonly registrationKey: string;
  /** Where packages go when the agent may not install into the system. */
  readonly installRoot?: string;
}

const STOP_MS = 15_000;

/** The reference agent, run as users run it: a process of its own that knows only its settings. It ends with us. */
export class AgentProcess {
  readonly #options: AgentProcessOptions;
  #child: ChildProcess | undefined;

  constructor(options: AgentProcessOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get running(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  start(): void {
    const { file, home, logFile, server, ca, registrationKey, installRoot } = this.#options;
    const log = openSync(logFile, 'a', 0o600);
    const child = spawn(process.execPath, [file, 'run'], {
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        EUCORA_AGENT_SERVER: server,
        EUCORA_AGENT_CA: ca,
        EUCORA_AGENT_REGISTRATION_KEY: registrationKey,
        EUCORA_AGENT_HOME: home,
        EUCORA_AGENT_START_JITTER_SECONDS: '0',
        ...(installRoot === undefined ? {} : { EUCORA_AGENT_INSTALL_ROOT: installRoot }),
      },
    });
    closeSync(log);
    this.#child = child;
    if (child.pid !== undefined) child.once('exit', guard(child.pid, 'TERM'));
  }

  /** SIGKILL, as a power cut would have it. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Asks it to stop; kills it when it does not. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** The last lines of its log, for the story of a failure. */
  async logTail(lines = 5): Promise<string[]> {
    const text = await readFile(this.#options.logFile, 'utf8').catch(() => '');
    return text.trimEnd().split('\n').slice(-lines);
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { running } = this;
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || !running) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(force);
  }
}
