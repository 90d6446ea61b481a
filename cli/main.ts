#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { run } from './commands/run.ts';

// One level up from the sources, two from what is built.
const manifest = ['../package.json', '../../package.json']
  .map((path) => new URL(path, import.meta.url))
  .find((path) => existsSync(path));
const version =
  manifest === undefined
    ? 'unknown'
    : z.object({ version: z.string() }).parse(JSON.parse(readFileSync(manifest, 'utf8'))).version;

const interrupted = new AbortController();
// Once: a second Ctrl-C ends the process at once.
process.once('SIGINT', () => interrupted.abort());
process.once('SIGTERM', () => interrupted.abort());
// A reader that has seen enough (`eucora tasks list | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  version,
  signal: interrupted.signal,
  now: Date.now,
  sleep: async (milliseconds) => {
    await pause(milliseconds, undefined, { signal: interrupted.signal });
  },
  runPlatform: async ({ dataDirectory, sink }) => {
    const { runPlatform } = await import('./platform/command.ts');
    return runPlatform({ dataDir: dataDirectory, sink });
  },
});
