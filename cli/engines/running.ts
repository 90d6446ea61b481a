import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from './errors.ts';
import { tailOf } from './files.ts';
import { guard } from './guardian.ts';
import { listens } from './listeners.ts';
import type { Escalation } from './processes.ts';

/** A process of ours that is up and answers. */
export interface RunningProcess {
  readonly pid: number;
  /** Resolves, with the exit code or signal as text, when the process has ended for whatever reason. */
  readonly exited: Promise<string>;
  /** Ends it in its clean way, harder when it does not listen. */
  stop(): Promise<void>;
  /** Ends it at once (SIGKILL) and waits until it is gone. */
  kill(): Promise<void>;
}

export interface LaunchHooks {
  /** Told as soon as the process exists, before it is ready. */
  readonly onSpawn?: (pid: number) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

export interface EngineLaunch extends LaunchHooks {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly spawn: SpawnOptions;
  /** Both outputs go there: a file outlives us, a pipe would not. */
  readonly logFile: string;
  readonly escalation: Escalation;
  readonly guardSignal: 'INT' | 'TERM';
  /** One look whether it answers; a throw means not yet. */
  readonly probe: () => Promise<void>;
  readonly readyTimeoutMs: number;
  /** Where it must itself listen. */
  readonly ports: readonly number[];
}

/** Sends the signals one after the other until the child has exited. */
export async function stopChild(
  child: ChildProcess,
  exited: Promise<string>,
  escalation: Escalation,
): Promise<void> {
  for (const [name, graceMs] of escalation) {
    child.kill(name);
    const timer = new AbortController();
    const late = delay(graceMs, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const);
    const outcome = await Promise.race([exited.then(() => 'gone' as const), late]);
    timer.abort();
    if (outcome === 'gone') return;
  }
}

/** Resolves when `probe` succeeds. @throws EngineError when the process ends or the time is over before. */
export async function waitUntilReady(options: {
  readonly name: string;
  readonly probe: () => Promise<void>;
  readonly exited: Promise<string>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly logTail: () => Promise<string>;
  readonly pid: number;
  readonly ports: readonly number[];
}): Promise<void> {
  const until = performance.now() + options.timeoutMs;
  let ended: string | undefined;
  options.exited.then((how) => {
    ended = how;
  });
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 1.5, 250)) {
    options.signal?.throwIfAborted();
    if (ended !== undefined) {
      throw new EngineError(
        `${options.name} ended with ${ended} before it was ready\n${await options.logTail()}`,
      );
    }
    try {
      // Its port may belong to somebody else, who never answers, or who answers although ours has ended.
      await Promise.race([options.probe(), options.exited]);
      for (const port of options.ports) {
        if ((await listens(options.pid, port)) === false)
          throw new Error(`it does not listen on ${port} itself`);
      }
      if (ended === undefined) return;
    } catch (error) {
      if (performance.now() < until) await Promise.race([delay(pauseMs), options.exited]);
      else
        throw new EngineError(
          `${options.name} was not ready after ${options.timeoutMs} ms\n${await options.logTail()}`,
          { cause: error },
        );
    }
  }
}

/** Starts an engine in its own process group and waits until it answers. Nothing stays when that fails. */
export async function launchEngine(launch: EngineLaunch): Promise<RunningProcess> {
  const log = openSync(launch.logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(launch.file, [...launch.args], {
      ...launch.spawn,
      stdio: ['ignore', log, log],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
  } finally {
    closeSync(log);
  }
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, killedBy) => resolve(String(code ?? killedBy)));
  });
  const { pid } = child;
  if (pid === undefined) throw new EngineError(`${launch.name} could not be started: ${await exited}`);
  const unguard = guard(pid, launch.guardSignal);
  exited.then(unguard);
  const running: RunningProcess = {
    pid,
    exited,
    stop: () => stopChild(child, exited, launch.escalation),
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
  try {
    await launch.onSpawn?.(pid);
    await waitUntilReady({
      name: launch.name,
      probe: launch.probe,
      exited,
      timeoutMs: launch.readyTimeoutMs,
      signal: launch.signal,
      logTail: () => tailOf(launch.logFile),
      pid,
      ports: launch.ports,
    });
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}
