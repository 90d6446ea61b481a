import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentConfig, loadConfig } from '../../agent/config.ts';
import { createLogger, type Logger } from '../../agent/log.ts';
import { type Run, type RunResult, run } from '../../agent/process/run.ts';
import { Tools } from '../../agent/system/tools.ts';
import { AgentWorker, type WorkerOptions } from '../../agent/worker/worker.ts';
import type { TestPlatform } from './platform.ts';

const folders: string[] = [];

/** A folder that `removeFolders` takes away. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'eucora-agent-test-'));
  folders.push(path);
  return path;
}

export function removeFolders(): void {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
}

export interface Captured {
  readonly log: Logger;
  readonly lines: { message: string; level: string; [name: string]: unknown }[];
}

export function captureLog(): Captured {
  const lines: Captured['lines'] = [];
  return { lines, log: createLogger('debug', (line) => lines.push(JSON.parse(line))) };
}

/** Waits until `probe` gives something true. The limit is for what never comes, not for slow machines. */
export async function eventually<T>(
  probe: () => T | undefined | false | null | Promise<T | undefined | false | null>,
  what = probe.toString(),
  ms = 60_000,
): Promise<T> {
  const until = Date.now() + ms;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > until) throw new Error(`Never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A zombie is dead, it only waits to be buried; where nobody buries the dead, its folder in /proc stays. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Beyond the largest pid that Linux can give. */
export const NO_PID = 5_000_000;

/** A script that runs until it is released, however slow the machine is. */
export function heldScript(first = 'true'): { readonly script: string; release(): void } {
  const mark = join(temporaryFolder(), 'released');
  return {
    script: `${first}; until [ -e ${mark} ]; do sleep 0.02; done`,
    release: () => writeFileSync(mark, ''),
  };
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Settings of an agent of this platform in a folder of its own. */
export function configFor(platform: TestPlatform, more: Record<string, string> = {}): AgentConfig {
  const home = more['EUCORA_AGENT_HOME'] ?? temporaryFolder();
  const ca = join(temporaryFolder(), 'ca.pem');
  writeFileSync(ca, platform.authority.pem);
  return loadConfig(
    {
      PATH: process.env['PATH'],
      EUCORA_AGENT_HOME: home,
      EUCORA_AGENT_SERVER: platform.url,
      EUCORA_AGENT_CA: ca,
      EUCORA_AGENT_REGISTRATION_KEY: 'good-key',
      EUCORA_AGENT_START_JITTER_SECONDS: '0',
      EUCORA_AGENT_STOP_GRACE_SECONDS: '0.1',
      EUCORA_AGENT_HARDWARE_ID: 'test-machine-1',
      EUCORA_AGENT_INSTALL_ROOT: join(home, 'root'),
      ...more,
    },
    'linux',
  );
}

export const QUICK = { baseMs: 5, capMs: 40 } as const;

export interface Started extends Captured {
  readonly worker: AgentWorker;
  readonly config: AgentConfig;
  readonly ended: Promise<number>;
  stop(): Promise<number>;
}

/** Runs an agent in this process, with short times. */
export async function startAgent(
  platform: TestPlatform,
  { config = configFor(platform), ...more }: Partial<WorkerOptions> = {},
): Promise<Started> {
  const captured = captureLog();
  const worker = await AgentWorker.create({
    config,
    log: captured.log,
    version: '1.0.0',
    supervised: false,
    run,
    platform: 'linux',
    isRoot: false,
    backoff: QUICK,
    slow: { baseMs: 20, capMs: 80 },
    minIntervalMs: 50,
    lockWaitMs: 100,
    ...more,
  });
  const ended = worker.run();
  // Awaited by tests that expect it to fail; others must not be ended by it.
  ended.catch(() => undefined);
  return {
    ...captured,
    worker,
    config,
    ended,
    stop: () => {
      worker.stop();
      return ended;
    },
  };
}

export const sha256 = (content: string | Buffer): string =>
  createHash('sha256').update(content).digest('hex');

/** Builds a real .deb; `scripts` go beside its control file. */
export function buildDeb(
  name: string,
  version: string,
  files: Record<string, string>,
  scripts: Record<string, string> = {},
): Buffer {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'p/DEBIAN'), { recursive: true });
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: all\nMaintainer: Test <t@example.com>\nDescription: test\n`;
  writeFileSync(join(folder, 'p/DEBIAN/control'), control);
  for (const [path, content] of Object.entries(scripts)) {
    writeFileSync(join(folder, 'p/DEBIAN', path), content, { mode: 0o755 });
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, 'p', path, '..'), { recursive: true });
    writeFileSync(join(folder, 'p', path), content);
  }
  execFileSync('dpkg-deb', ['--root-owner-group', '-b', join(folder, 'p'), join(folder, 'p.deb')]);
  return readFileSync(join(folder, 'p.deb'));
}

export const ranWith = (more: Partial<RunResult> = {}): RunResult => ({
  exitCode: 0,
  signal: null,
  stdout: '',
  stderr: '',
  stdoutTruncated: false,
  stderrTruncated: false,
  timedOut: false,
  durationMs: 1,
  ...more,
});

/** Tools of another machine: answers by the command line, ENOENT for what it does not have. */
export function fakeTools(
  platform: NodeJS.Platform,
  answer: (line: string) => string | Partial<RunResult> | undefined,
): Tools & { readonly asked: string[] } {
  const asked: string[] = [];
  const fake: Run = async (command, args) => {
    const line = [command, ...args].join(' ');
    asked.push(line);
    const answered = answer(line);
    if (answered === undefined) throw Object.assign(new Error(`spawn ${command} ENOENT`), { code: 'ENOENT' });
    return ranWith(typeof answered === 'string' ? { stdout: answered } : answered);
  };
  return Object.assign(new Tools(fake, {}, platform), { asked });
}
