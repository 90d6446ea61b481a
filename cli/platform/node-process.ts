import { type ChildProcess, spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../engines/errors.ts';
import { exists, tailOf } from '../engines/files.ts';
import { type LaunchHooks, type RunningProcess, stopChild, waitUntilReady } from '../engines/running.ts';
import { openLog, worthTelling } from './logs.ts';

export interface NodeLaunch extends LaunchHooks {
  readonly name: string;
  readonly entry: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  /** Answers 200 when the process is ready. */
  readonly readyUrl: string;
  /** Where it must itself listen. */
  readonly ports: readonly number[];
  /** Milliseconds to become ready. Default 60,000. */
  readonly readyTimeoutMs?: number;
  /** Milliseconds to drain after SIGTERM. Default 20,000. */
  readonly drainMs?: number;
  /** Gets the process' warnings and errors. */
  readonly onTrouble: (line: string) => void;
}

/** So long the last words of a process are waited for, should something that it left behind hold its output open. */
const LAST_WORDS_MS = 2_000;

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

async function answersReady(url: string): Promise<void> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await answer.body?.cancel();
  if (answer.status !== 200) throw new Error(`${url} answers ${answer.status}`);
}

/** A program that is not there is a build that was not made. */
export async function assertBuilt(entry: string): Promise<void> {
  if (await exists(entry)) return;
  throw new EngineError(`${entry} does not exist`, { hint: 'Run `npm run build`.' });
}

/**
 * Starts one of our own Node programs and waits until it is ready. It lives no longer than we do: it exits when the
 * pipe on its stdin closes, however we end.
 */
export async function launchNode(options: NodeLaunch): Promise<RunningProcess> {
  await assertBuilt(options.entry);
  const child = spawn(process.execPath, ['--enable-source-maps', options.entry], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...options.env, EUCORA_EXIT_WITH_PARENT: '1' },
    cwd: dirname(options.logFile),
    // Ctrl-C in a terminal must reach only us: we stop things in order.
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  const log = openLog(options.logFile, ({ message }) =>
    options.onTrouble(`its log cannot be written: ${message}`),
  );
  const follow = (stream: Readable, fromStderr: boolean): void => {
    createInterface({ input: stream }).on('line', (line) => {
      log.write(`${line}\n`);
      const told = worthTelling(line, fromStderr);
      if (told !== undefined) options.onTrouble(told);
    });
  };
  follow(child.stdout, false);
  follow(child.stderr, true);
  child.stdin.on('error', () => {});
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, killedBy) => resolve(String(code ?? killedBy)));
  });
  child.once('close', () => log.end());
  const logged = new Promise<void>((resolve) => log.once('close', resolve));
  const { pid } = child;
  if (pid === undefined) throw new EngineError(`${options.name} could not be started: ${await exited}`);
  const drainMs = options.drainMs ?? 20_000;
  const running: RunningProcess = {
    pid,
    exited,
    stop: async () => {
      if (process.platform === 'win32') {
        // There is no SIGTERM on Windows: the end of its stdin asks it to drain.
        child.stdin.end();
        await Promise.race([exited, delay(drainMs, undefined, { ref: false })]);
      }
      await stopChild(child, exited, [
        ['SIGTERM', drainMs],
        ['SIGKILL', 5_000],
      ]);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
  try {
    await options.onSpawn?.(pid);
    await waitUntilReady({
      name: options.name,
      probe: () => answersReady(options.readyUrl),
      exited,
      timeoutMs: options.readyTimeoutMs ?? 60_000,
      signal: options.signal,
      // Why it ended, such as that somebody was quicker to take its port, may still be on its way into the log.
      logTail: async () => {
        if (hasEnded(child)) await Promise.race([logged, delay(LAST_WORDS_MS, undefined, { ref: false })]);
        return tailOf(options.logFile);
      },
      pid,
      ports: options.ports,
    });
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}
