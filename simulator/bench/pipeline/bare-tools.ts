import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, cp, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cpuSecondsOf } from '../measure/cpu.ts';
import type { ToolCall } from './recording.ts';

/** What the bare tools took. */
export interface BareRun {
  readonly ms: number;
  /** CPU-seconds of the tools alone. */
  readonly cpuSeconds: number;
  /** Milliseconds by program, all its calls together. */
  readonly byTool: Readonly<Record<string, number>>;
}

/**
 * Runs the tools one after the other as the pipeline called them, without limits and namespaces. Only while a tool runs
 * does the clock: bringing the workspace to where it was before that call costs nothing.
 *
 * @throws Error when one ends otherwise than it did in the pipeline
 */
export async function runBare(calls: readonly ToolCall[], signal: AbortSignal): Promise<BareRun> {
  const byTool: Record<string, number> = {};
  let ms = 0;
  let cpuSeconds = 0;
  for (const call of calls) {
    signal.throwIfAborted();
    await restore(call);
    const before = await toolSeconds();
    const begun = performance.now();
    await run(call, signal);
    const took = performance.now() - begun;
    cpuSeconds += (await toolSeconds()) - before;
    ms += took;
    await endAgent(call);
    byTool[call.name] = (byTool[call.name] ?? 0) + took;
  }
  for (const folder of calls.flatMap(({ before }) => Object.keys(before))) await remove(folder);
  return { ms, cpuSeconds, byTool };
}

async function restore({ before }: ToolCall): Promise<void> {
  for (const [folder, copy] of Object.entries(before)) {
    await remove(folder);
    await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
    await cp(copy, folder, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  }
}

/**
 * GnuPG leaves an agent behind, which in the pipeline ends with its tool. It would take the socket of the next one with it
 * when it notices that its folder is gone.
 */
async function endAgent({ args, env }: ToolCall): Promise<void> {
  const at = args.indexOf('--homedir');
  const home = at < 0 ? env['GNUPGHOME'] : args[at + 1];
  if (home === undefined) return;
  const socket = join(home, 'S.gpg-agent');
  const there = (): Promise<boolean> =>
    access(socket).then(
      () => true,
      () => false,
    );
  if (!(await there())) return;
  await promisify(execFile)('gpgconf', ['--homedir', home, '--kill', 'all']);
  for (let tries = 0; tries < 200 && (await there()); tries += 1) await delay(10);
}

const remove = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 3 });

/** What children of this process used, as far as they have ended. */
async function toolSeconds(): Promise<number> {
  const { user, system } = process.cpuUsage();
  return (await cpuSecondsOf(process.pid)) - (user + system) / 1_000_000;
}

async function run(
  { name, program, args, cwd, env, exitCode }: ToolCall,
  signal: AbortSignal,
): Promise<void> {
  const child = spawn(program, [...args], {
    cwd,
    env: { ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
    signal,
  });
  let said = '';
  child.stderr.on('data', (part: Buffer) => {
    said = (said + part.toString()).slice(-2_000);
  });
  // Not 'close': an agent that gpg leaves behind keeps its stderr open.
  const [code] = (await once(child, 'exit')) as [number | null];
  child.stderr.destroy();
  if (code !== exitCode)
    throw new Error(`${name} ended with ${code} instead of ${exitCode} when run alone: ${said.trim()}`);
}
