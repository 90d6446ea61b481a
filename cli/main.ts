#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { processIo } from './client/process-io.ts';
import { run } from './commands/run.ts';

// One level up from the sources, two from what is built.
const manifest = ['../package.json', '../../package.json']
  .map((path) => new URL(path, import.meta.url))
  .find((path) => existsSync(path));
const version =
  manifest === undefined
    ? 'unknown'
    : z.object({ version: z.string() }).parse(JSON.parse(readFileSync(manifest, 'utf8'))).version;

process.exitCode = await run(process.argv.slice(2), processIo(version));
