import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Artifact, artifactSchema } from '../../contracts/artifact/artifact.ts';
import type { Api } from '../client/api.ts';
import { PROGRAM } from './program.ts';

const run = promisify(execFile);

/** Name of the package that the demo builds; files go to `/opt/eucora-demo`. */
export const DEMO_PACKAGE = 'eucora-demo-greeting';
export const DEMO_FILE = '/opt/eucora-demo/greeting.txt';

/** Builds a real Debian package by `dpkg-deb`. @returns its path */
export async function buildPackage(folder: string, version: string): Promise<string> {
  const tree = join(folder, `${DEMO_PACKAGE}_${version}`);
  await mkdir(join(tree, 'DEBIAN'), { recursive: true, mode: 0o755 });
  await mkdir(join(tree, 'opt/eucora-demo'), { recursive: true, mode: 0o755 });
  await writeFile(join(tree, DEMO_FILE), `Greetings from ${DEMO_PACKAGE} ${version}\n`, { mode: 0o644 });
  const control = [
    `Package: ${DEMO_PACKAGE}`,
    `Version: ${version}`,
    'Architecture: all',
    'Maintainer: EUCORA demo <demo@example.invalid>',
    'Section: misc',
    'Priority: optional',
    'Description: A file that the demo of EUCORA deploys',
    '',
  ];
  await writeFile(join(tree, 'DEBIAN/control'), control.join('\n'), { mode: 0o644 });
  const path = `${tree}_all.deb`;
  await run('dpkg-deb', ['--root-owner-group', '--build', tree, path]);
  return path;
}

/** Builds the agent once more, under another version. */
export async function buildAgentVersion(folder: string, version: string): Promise<string> {
  const path = join(folder, `eucora-agent-${version}.mjs`);
  const root = resolve(import.meta.dirname, '../../..');
  const project = import.meta.url.endsWith('.ts') ? resolve(import.meta.dirname, '../..') : root;
  await run(process.execPath, [
    join(project, 'scripts/build-agent.mjs'),
    '--version',
    version,
    '--outfile',
    path,
  ]);
  return path;
}

/** A version that cannot come up. */
export async function brokenAgentVersion(folder: string, version: string): Promise<string> {
  const path = join(folder, `eucora-agent-${version}.mjs`);
  await writeFile(path, `console.error('version ${version} does not start');\nprocess.exit(1);\n`);
  return path;
}

export async function upload(api: Api, path: string): Promise<Artifact> {
  const { size } = await stat(path);
  return api.upload(
    '/artifacts',
    artifactSchema,
    { name: basename(path) },
    { open: () => createReadStream(path), bytes: size },
  );
}

/** Takes the demo's packages off the machine again; harmless when they are not there. */
export async function removePackages(): Promise<void> {
  for (const name of [DEMO_PACKAGE, PROGRAM]) await run('dpkg', ['--purge', name]).catch(() => undefined);
}
