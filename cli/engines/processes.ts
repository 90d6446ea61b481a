import { type ExecFileException, execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { codeOf } from './errors.ts';

const execute = promisify(execFile);

/** A pid alone may have been given to another process since; the start time tells. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string;
}

async function linuxStartTime(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The command may hold blanks and brackets: fields are counted from the last closing one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, ticks] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X' || ticks === undefined) return undefined;
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
    return `${boot.trim()}:${ticks}`;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}

/**
 * What a program of the system prints; undefined when it says no, or is not there.
 * @throws when it was ended before it could answer: a process of which nothing was told may well live
 */
async function ask(file: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await execute(file, [...args], { timeout: 30_000, windowsHide: true });
    return stdout.trim() === '' ? undefined : stdout.trim();
  } catch (error) {
    // Its exit code is then a number.
    const { code } = error as ExecFileException;
    if (typeof code === 'number' || code === 'ENOENT') return undefined;
    throw error;
  }
}

/** When the process began, as a text to compare; undefined when it does not run (a zombie does not). */
export async function startTimeOf(
  pid: number,
  platform: NodeJS.Platform = process.platform,
): Promise<string | undefined> {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (platform === 'linux') return linuxStartTime(pid);
  if (platform === 'win32') {
    const script = `(Get-Process -Id ${pid} -ErrorAction Stop).StartTime.Ticks`;
    return ask('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', script]);
  }
  const state = await ask('ps', ['-p', String(pid), '-o', 'state=']);
  return state === undefined || state.startsWith('Z')
    ? undefined
    : ask('ps', ['-p', String(pid), '-o', 'lstart=']);
}

/** Program and arguments of a process, undefined when it does not run or does not tell. */
export async function commandLineOf(
  pid: number,
  platform: NodeJS.Platform = process.platform,
): Promise<string | undefined> {
  if (platform === 'linux') {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return line === '' ? undefined : line.split('\0').join(' ').trimEnd();
  }
  if (platform === 'win32') {
    const script = `(Get-CimInstance Win32_Process -Filter "ProcessId=${pid}").CommandLine`;
    return ask('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', script]);
  }
  return ask('ps', ['-p', String(pid), '-o', 'command=']);
}

/** The identity of a running process, undefined when there is none with that pid. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const startedAt = await startTimeOf(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  return (await startTimeOf(identity.pid)) === identity.startedAt;
}

/** Waits until the process is gone; false when it outlived `timeoutMs`. */
export async function waitForExit(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  while (await isRunning(identity)) {
    if (performance.now() >= until) return false;
    await delay(50);
  }
  return true;
}

/** Sends a signal; a process that is gone already is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

export type Escalation = readonly (readonly [NodeJS.Signals, graceMs: number])[];

/** Sends the signals one after the other, each with its time of grace, until the process is gone. */
export async function terminate(identity: ProcessIdentity, escalation: Escalation): Promise<boolean> {
  for (const [name, graceMs] of escalation) {
    if (!(await isRunning(identity))) return true;
    signal(identity.pid, name);
    if (await waitForExit(identity, graceMs)) return true;
  }
  return !(await isRunning(identity));
}
