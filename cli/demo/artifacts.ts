import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Artifact, artifactSchema } from '../../contracts/artifact/artifact.ts';
import type { Api } from '../client/api.ts';
import { PROGRAM } from './program.ts';

const run = promisify(execFile);

/** Name of the package that the demo builds; files go to `/opt/eucora-demo`. */
export const DEMO_PACKAGE = 'eucora-demo-greeting';
export const DEMO_FILE = '/opt/eucora-demo/greeting.txt';
/** A package whose first deployment fails. */
export const REPORT_PACKAGE = 'eucora-demo-report';
export const REPORT_FILE = '/opt/eucora-demo-report/service.mjs';

/** A package with a greeting. @returns its path */
export function buildPackage(folder: string, version: string): Promise<string> {
  return buildDeb(folder, {
    name: DEMO_PACKAGE,
    version,
    description: 'A file that the demo of EUCORA deploys',
    file: DEMO_FILE,
    content: `Greetings from ${DEMO_PACKAGE} ${version}\n`,
  });
}

export interface DebContent {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** The one file that it installs, in a folder of its own. */
  readonly file: string;
  readonly content: string;
  /** Mode of that folder. */
  readonly folderMode?: number;
  /** Script that runs once the file is there, as root. */
  readonly afterwards?: string;
}

/** Builds a real Debian package by `dpkg-deb`. @returns its path */
export async function buildDeb(folder: string, deb: DebContent): Promise<string> {
  const tree = join(folder, `${deb.name}_${deb.version}`);
  const own = dirname(join(tree, deb.file));
  await mkdir(join(tree, 'DEBIAN'), { recursive: true, mode: 0o755 });
  await mkdir(own, { recursive: true, mode: 0o755 });
  await writeFile(join(tree, deb.file), deb.content, { mode: 0o644 });
  const control = [
    `Package: ${deb.name}`,
    `Version: ${deb.version}`,
    'Architecture: all',
    'Maintainer: EUCORA demo <demo@example.invalid>',
    'Section: misc',
    'Priority: optional',
    `Description: ${deb.description}`,
    '',
  ];
  await writeFile(join(tree, 'DEBIAN/control'), control.join('\n'), { mode: 0o644 });
  if (deb.afterwards !== undefined)
    await writeFile(join(tree, 'DEBIAN/postinst'), deb.afterwards, { mode: 0o755 });
  const path = `${tree}_all.deb`;
  await chmod(own, deb.folderMode ?? 0o755);
  await run('dpkg-deb', ['--root-owner-group', '--build', tree, path]);
  // So that whoever made it can delete it.
  await chmod(own, 0o755);
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
  for (const name of [DEMO_PACKAGE, REPORT_PACKAGE, PROGRAM])
    await run('dpkg', ['--purge', name]).catch(() => undefined);
}
