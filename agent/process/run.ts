import { spawn } from 'node:child_process';
import { closeSync, createReadStream, openSync } from 'node:fs';
import { PRIVATE_FILE } from '../storage/files.ts';
import { schedule } from '../timing.ts';
import { killTree } from './kill.ts';
import { OutputBuffer } from './output.ts';

export interface RunOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeLimitMs?: number;
  readonly signal?: AbortSignal;
  /** Bound of what is kept of stdout and of stderr, each, in bytes. */
  readonly maxOutputBytes?: number;
  /** The program prints into this file, so that it can outlive the agent; both streams are told as stdout. */
  readonly outputFile?: string;
  /** From the polite to the hard end of the process group. */
  readonly killGraceMs?: number;
  /** Told the process, which leads its own group, once it runs. */
  readonly onStart?: (pid: number) => void;
}

export interface RunResult {
  /** Null when a signal ended the program. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
  readonly timedOut: boolean;
  readonly durationMs: number;
}

export type Run = (command: string, args: readonly string[], options: RunOptions) => Promise<RunResult>;

/** How long a program's children may hold its pipes open after its end before the agent lets go of them. */
const PIPE_GRACE_MS = 500;

/**
 * Runs a program without a shell, in a process group of its own, output captured within bounds.
 * Rejects when the program cannot be started, or with the signal's reason once an aborted one is dead.
 */
export const run: Run = (command, args, options) =>
  new Promise((resolve, reject) => {
    const { signal } = options;
    if (signal?.aborted) return reject(signal.reason);
    const began = performance.now();
    const { outputFile } = options;
    const output = outputFile === undefined ? undefined : openSync(outputFile, 'w', PRIVATE_FILE);
    const child = spawn(command, args, {
      env: options.env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: ['ignore', output ?? 'pipe', output ?? 'pipe'],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    if (output !== undefined) closeSync(output);
    if (child.pid !== undefined) options.onStart?.(child.pid);
    const stdout = new OutputBuffer(options.maxOutputBytes ?? 65_536);
    const stderr = new OutputBuffer(options.maxOutputBytes ?? 65_536);
    child.stdout?.on('data', (part: Buffer) => stdout.add(part));
    child.stderr?.on('data', (part: Buffer) => stderr.add(part));

    let timedOut = false;
    let endOfKill: (() => void) | undefined;
    const kill = () => {
      endOfKill ??= killTree(child.pid, options.killGraceMs ?? 2_000);
    };
    const endOfTime =
      options.timeLimitMs === undefined
        ? undefined
        : schedule(options.timeLimitMs, () => {
            timedOut = true;
            kill();
          });
    signal?.addEventListener('abort', kill, { once: true });
    let letGo: NodeJS.Timeout | undefined;
    const settle = () => {
      endOfTime?.();
      clearTimeout(letGo);
      signal?.removeEventListener('abort', kill);
    };

    child.once('error', (error) => {
      settle();
      reject(error);
    });
    child.once('exit', () => {
      endOfTime?.();
      letGo = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, PIPE_GRACE_MS);
    });
    child.once('close', (exitCode, endSignal) => {
      settle();
      endOfKill?.();
      if (signal?.aborted) return reject(signal.reason);
      void printed(outputFile, stdout).then(() =>
        resolve({
          exitCode,
          signal: endSignal,
          stdout: stdout.text(),
          stderr: stderr.text(),
          stdoutTruncated: stdout.truncated,
          stderrTruncated: stderr.truncated,
          timedOut,
          durationMs: Math.round(performance.now() - began),
        }),
      );
    });
  });

/** Reads what a program printed to its file; that is lost where somebody removed it meanwhile. */
async function printed(file: string | undefined, into: OutputBuffer): Promise<void> {
  if (file === undefined) return;
  try {
    for await (const part of createReadStream(file)) into.add(part);
  } catch {
    into.add(Buffer.from('[its output is gone]'));
  }
}
