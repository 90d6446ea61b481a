import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Progress, ProgressEvent } from '../../../cli/engines/progress.ts';

const folders: string[] = [];

/** A folder others may pass, removed by `removeScratch`. */
export async function scratch(mode: number = 0o711): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'eucora-cli-'));
  await chmod(folder, mode);
  folders.push(folder);
  return folder;
}

export async function removeScratch(): Promise<void> {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
}

/** A shell script to stand in for a program. */
export async function script(path: string, body: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

/**
 * A program of its own, made of the product's code as it is now, for what ends with its process. It lies where its
 * libraries are found, and is removed by `removeScratch`.
 */
export async function program(code: string): Promise<string> {
  const place = join(process.cwd(), '.artifacts');
  await mkdir(place, { recursive: true });
  const folder = await mkdtemp(join(place, 'program-'));
  folders.push(folder);
  const outfile = join(folder, 'main.mjs');
  await build({
    stdin: { contents: code, resolveDir: process.cwd() },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
    outfile,
  });
  return outfile;
}

export interface Recorded {
  readonly progress: Progress;
  readonly events: ProgressEvent[];
  text(): string;
}

export function recorder(): Recorded {
  const events: ProgressEvent[] = [];
  return {
    events,
    progress: (event) => {
      events.push(event);
    },
    text: () => events.map(({ state, message }) => `${state}: ${message}`).join('\n'),
  };
}

/** Waits for something to become true. The limit is for what never does, not for slow machines. */
export async function eventually(
  what: () => boolean | Promise<boolean>,
  timeoutMs: number = 60_000,
): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (!(await what())) {
    if (performance.now() > until) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
