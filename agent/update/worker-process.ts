import { spawn } from 'node:child_process';
import { schedule } from '../timing.ts';

/** A running worker. */
export interface Worker {
  readonly pid: number | undefined;
  /** Resolves with its exit code; null when a signal ended it or it could not be started. */
  readonly exited: Promise<number | null>;
  /** Asks it to end, and ends it by force after `graceMs`. */
  stop(signal: NodeJS.Signals, graceMs: number): void;
}

export type SpawnWorker = (file: string) => Worker;

/** Argument by which a worker knows that a launcher watches over it. */
export const SUPERVISED = '--supervised';

/**
 * Starts workers as processes of this Node. Their standard input is a pipe that nobody writes to: it closes when
 * the launcher dies in whatever way, and the worker then ends too.
 */
export function workerSpawner(env: Readonly<Record<string, string | undefined>>): SpawnWorker {
  return (file) => {
    const child = spawn(process.execPath, [file, 'work', SUPERVISED], {
      env: { ...env },
      stdio: ['pipe', 'inherit', 'inherit'],
      windowsHide: true,
    });
    child.stdin.on('error', () => undefined);
    const exited = new Promise<number | null>((resolve) => {
      child.once('error', () => resolve(null));
      child.once('exit', (code) => resolve(code));
    });
    return {
      pid: child.pid,
      exited,
      stop(signal, graceMs) {
        // Windows has no signals to ask with; there the end of standard input does.
        if (process.platform !== 'win32') child.kill(signal);
        child.stdin.end();
        const callOff = schedule(graceMs, () => child.kill('SIGKILL'));
        void exited.then(callOff);
      },
    };
  };
}
