import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { EngineError } from './errors.ts';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with every line of both outputs. */
  readonly onLine?: (line: string) => void;
}

const KEPT_LINES = 40;

/**
 * Runs a program to its end and returns what it wrote on stdout.
 * @throws EngineError when it cannot be started, fails, or takes longer than `timeoutMs`; with its last lines.
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  options.signal?.throwIfAborted();
  const posix = process.platform !== 'win32';
  const child = spawn(file, [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
    // An own process group, so that helpers it started (compilers) are ended with it.
    detached: posix,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  const last: string[] = [];
  let stdout = '';
  const take = (line: string): void => {
    last.push(line);
    if (last.length > KEPT_LINES) last.shift();
    options.onLine?.(line);
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    stdout += `${line}\n`;
    take(line);
  });
  createInterface({ input: child.stderr }).on('line', take);

  const end = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(posix ? -child.pid : child.pid, 'SIGKILL');
    } catch {
      child.kill('SIGKILL');
    }
  };
  let timedOut = false;
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          end();
        }, options.timeoutMs);
  options.signal?.addEventListener('abort', end);
  try {
    const code = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exit, killedBy) => resolve(exit ?? killedBy ?? 'unknown'));
    }).catch((error: unknown) => {
      throw new EngineError(`${file} could not be started`, { cause: error });
    });
    options.signal?.throwIfAborted();
    if (timedOut) throw new EngineError(`${file} took longer than ${options.timeoutMs} ms and was stopped`);
    if (code !== 0) throw new EngineError(`${file} ${args.join(' ')} ended with ${code}\n${last.join('\n')}`);
    return stdout;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', end);
  }
}
