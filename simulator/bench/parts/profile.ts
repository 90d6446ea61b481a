import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { builtProgram } from './child.ts';

/** The environment in which a Node process writes a CPU profile of itself into a folder; none when it is ''. */
export function profileInto(folder: string): Record<string, string> {
  if (folder === '') return {};
  mkdirSync(folder, { recursive: true });
  return {
    NODE_OPTIONS: `--import=${pathToFileURL(builtProgram('bench/profile/main.js')).href}`,
    EUCORA_BENCH_PROFILE: resolve(folder),
  };
}
