import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ToolContext } from '../context.ts';
import { machineTrouble, PackagingError, type PackagingErrorCode } from '../errors.ts';
import { confined } from './isolation.ts';
import { LogLines } from './log-lines.ts';
import { lacksProcesses, wasNotStarted } from './no-process.ts';
import { hasBegun, STATUS_FD, TELLS_STATUS } from './sandbox.ts';
import { spawned } from './spawned.ts';
import { findTool, type ToolName } from './toolbox.ts';

export interface ToolRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What was printed on stdout, as bytes. */
  readonly output: Buffer;
}

export interface ToolOptions {
  readonly cwd?: string;
  /** Added to the cleaned environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Buffer;
  /** The tool's stdin, instead of `input`. */
  readonly inputFile?: string;
  /** The tool's stdout goes into this file instead of into the result and the log. */
  readonly outputFile?: string;
  readonly network?: boolean;
  /** Files outside the workspace that the tool needs and no argument of its own names. */
  readonly reads?: readonly string[];
  /** Folders outside the workspace that the tool may change. */
  readonly writes?: readonly string[];
  /** A command of the operator's own: it has network and file system as the worker does. */
  readonly unconfined?: boolean;
  readonly timeMs?: number;
  /** Codes that are answers, not failures. Default: 0. */
  readonly exitCodes?: readonly number[];
  /** What a failure is. Default `build-failed`. */
  readonly failure?: PackagingErrorCode;
  /** Output is not for the log, such as a long JSON report. */
  readonly quiet?: boolean;
  /** Output may hold a secret: it reaches neither log nor error messages. */
  readonly secret?: boolean;
}

/** Whatever the worker was started with, its tools see this alone. Times in what they make are the same each time. */
function environment(ctx: ToolContext, own: string): Record<string, string> {
  return {
    PATH: ctx.settings.path.join(':'),
    HOME: join(own, 'home'),
    TMPDIR: join(own, 'tmp'),
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
  };
}

/**
 * An empty home and scratch folder for one run: what a tool leaves behind must not be the settings of the next one. A
 * tool that is not confined has them where no confined one can write.
 */
async function ownFolder(ctx: ToolContext, unconfined: boolean): Promise<string> {
  const parent = unconfined ? tmpdir() : ctx.workspace;
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const own = await mkdtemp(join(parent, 'run-'));
  for (const name of ['home', 'tmp']) await mkdir(join(own, name), { mode: 0o700 });
  return own;
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has already ended.
  }
}

/** Of what bubblewrap tells about a run. */
const STATUS_BYTES = 4_096;

const OUT_OF_SPACE = /no space left on device|ENOSPC|disk quota exceeded/i;
const OUT_OF_MEMORY = /cannot allocate memory|out of memory|bad_alloc|memory exhausted|MemoryError/i;
const FILE_TOO_LARGE = /file too large|file size limit exceeded|SIGXFSZ/i;

function verdict(name: string, output: string, options: ToolOptions, ended: string): PackagingError {
  if (OUT_OF_SPACE.test(output))
    return new PackagingError('out-of-space', `The disk is full: ${name} could not write`);
  if (OUT_OF_MEMORY.test(output))
    return new PackagingError('limit-exceeded', `${name} needed more memory than it may take`, {
      reason: 'memory',
    });
  if (FILE_TOO_LARGE.test(output) || ended === 'SIGXFSZ' || ended === '153')
    return new PackagingError('limit-exceeded', `${name} wrote a larger file than it may`, {
      reason: 'file-size',
    });
  const last =
    options.secret === true ? 'its output is kept to itself' : output.trim().split('\n').slice(-8).join('\n');
  return new PackagingError(options.failure ?? 'build-failed', `${name} failed (${ended}): ${last}`, {
    reason: `${name}-failed`,
  });
}

/** Of the machine, not of the tool: whoever else runs here may have ended by the next try. */
const noProcess = (name: string): PackagingError =>
  new PackagingError(
    'worker-busy',
    `${name} could not be run just now: the machine has no room for a process`,
  );

/** Keeps what fits, and counts on. */
class Kept {
  readonly #parts: Buffer[] = [];
  #left: number;

  constructor(maxBytes: number) {
    this.#left = maxBytes;
  }

  add(part: Buffer): void {
    if (this.#left <= 0) return;
    this.#parts.push(part.subarray(0, this.#left));
    this.#left -= part.length;
  }

  get overflowed(): boolean {
    return this.#left < 0;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  text(): string {
    return this.bytes().toString('utf8');
  }
}

/** A given program instead of one of the tools, for signing commands of an operator's own. */
export type Tool = ToolName | { readonly name: string; readonly path: string };

/**
 * Runs a tool in the workspace: no shell, cleaned environment, bounded in time, memory, file size and output, without
 * network unless asked for, and killed with all its children when the step is aborted. Where the machine permits, it
 * sees the system's programs, its workspace and what its arguments name, and can change the workspace alone. Home and
 * scratch folder are its own, empty at first and gone afterwards.
 *
 * @throws PackagingError; the signal's reason once everything is dead; or an Error when the output file cannot be written
 */
export async function runTool(
  ctx: ToolContext,
  tool: Tool,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolRun> {
  ctx.signal.throwIfAborted();
  const own = await ownFolder(ctx, options.unconfined ?? false);
  try {
    return await runIn(ctx, own, tool, args, options);
  } finally {
    // What cannot be removed now goes with the workspace.
    await rm(own, { recursive: true, force: true, maxRetries: 2 }).catch(() => undefined);
  }
}

async function runIn(
  ctx: ToolContext,
  own: string,
  tool: Tool,
  args: readonly string[],
  options: ToolOptions,
): Promise<ToolRun> {
  const name = typeof tool === 'string' ? tool : tool.name;
  const path = typeof tool === 'string' ? await findTool(ctx.settings, tool) : tool.path;
  const env = { ...environment(ctx, own), ...options.env };
  const cwd = options.cwd ?? ctx.workspace;
  const [program, ...rest] = await confined(ctx, [path, ...args], {
    env,
    cwd,
    network: options.network ?? false,
    unconfined: options.unconfined ?? false,
    reads: options.reads ?? [],
    writes: options.writes ?? [],
  });
  ctx.progress(name);
  const given = options.inputFile === undefined ? undefined : await open(options.inputFile, 'r');
  const asChild: SpawnOptions = {
    cwd,
    env,
    stdio: [given?.fd ?? 'pipe', 'pipe', 'pipe', ...(rest[0] === TELLS_STATUS ? (['pipe'] as const) : [])],
    // Leads a group of its own, so that it can be killed as a whole.
    detached: true,
  };
  const child = (await spawned(program, rest, asChild, (error) => failureToRun(name, error)).catch(
    async (error: unknown) => {
      await given?.close();
      throw error;
    },
  )) as Started;
  // The tool has its own. Not awaited here, for a tool that ends meanwhile would end unheard.
  const closed = given?.close().catch(() => undefined);
  const stdout = new Kept(ctx.limits.outputBytes);
  const stderr = new Kept(ctx.limits.outputBytes);
  const lines = [child.stdout, child.stderr].map((stream, index) => {
    const log = new LogLines((line) => ctx.log(`${name}: ${line}`), ctx.limits.outputBytes);
    const toFile = index === 0 && options.outputFile !== undefined;
    if (!toFile) {
      stream.on('data', (part: Buffer) => {
        (index === 0 ? stdout : stderr).add(part);
        if (options.quiet !== true && options.secret !== true) log.add(part);
      });
    }
    return log;
  });
  const status = new Kept(STATUS_BYTES);
  child.stdio[STATUS_FD]?.on('data', (part: Buffer) => status.add(part));
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, options.timeMs ?? ctx.limits.timeMs);
  const alive = setInterval(() => ctx.progress(name), 5_000);
  const onAbort = (): void => killGroup(child);
  ctx.signal.addEventListener('abort', onAbort);
  // A tool that ends without reading its input is told by its exit code.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input);
  try {
    const toFile =
      options.outputFile === undefined
        ? undefined
        : pipeline(child.stdout, createWriteStream(options.outputFile, { mode: 0o600, flags: 'wx' }), {
            signal: ctx.signal,
          }).catch((error: unknown) => {
            throw failureToKeep(name, error);
          });
    const ended = new Promise<string>((resolve, reject) => {
      child.once('error', (error) => reject(failureToRun(name, error)));
      child.once('exit', () => killGroup(child));
      child.once('close', (code, signal) => resolve(String(code ?? signal)));
    });
    const [how] = await Promise.all([ended, toFile]).catch(async (error: unknown) => {
      killGroup(child);
      await ended.catch(() => undefined);
      ctx.signal.throwIfAborted();
      throw error;
    });
    ctx.signal.throwIfAborted();
    for (const log of lines) log.end();
    if (timedOut)
      throw new PackagingError('limit-exceeded', `${name} took longer than it may and was killed`, {
        reason: 'time',
      });
    const run = {
      exitCode: Number(how),
      stdout: stdout.text(),
      stderr: stderr.text(),
      output: stdout.bytes(),
    };
    // Before anything counts as an answer: the tool has not said a word, and what is said in its place is not its own.
    if (run.exitCode !== 0 && !hasBegun(status.text()) && wasNotStarted(run)) throw noProcess(name);
    if (!(options.exitCodes ?? [0]).includes(run.exitCode))
      throw lacksProcesses(run.stderr)
        ? noProcess(name)
        : verdict(name, `${run.stdout}\n${run.stderr}`, options, how);
    if (stdout.overflowed && (options.quiet === true || options.secret === true))
      throw new PackagingError('limit-exceeded', `${name} printed more than it may`, { reason: 'output' });
    return run;
  } finally {
    clearTimeout(timer);
    clearInterval(alive);
    ctx.signal.removeEventListener('abort', onAbort);
    await closed;
  }
}

type Started = ChildProcess & { readonly stdout: Readable; readonly stderr: Readable };

function failureToRun(name: string, error: unknown): PackagingError {
  const code = String((error as NodeJS.ErrnoException).code);
  return (
    machineTrouble(error, `${name} could not be started`) ??
    new PackagingError('tool-missing', `${name} could not be started (${code})`, { cause: error })
  );
}

/** Where the output was to go is for us to say: what is wrong there is our own mistake, unless the disk is at fault. */
function failureToKeep(name: string, error: unknown): Error {
  const what = `What ${name} printed could not be kept`;
  const code = String((error as NodeJS.ErrnoException).code);
  return machineTrouble(error, what) ?? new Error(`${what} (${code})`, { cause: error });
}
