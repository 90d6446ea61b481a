import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A small program that greets; packaged for all platforms. */
export const PROGRAM = 'eucora-demo-greet';
export const PROGRAM_FILE = `/usr/bin/${PROGRAM}`;
export const PROGRAM_FORMATS = ['deb', 'msi', 'pkg'] as const;
export type ProgramFormat = (typeof PROGRAM_FORMATS)[number];

/** Which lodash a version is built with: 4.17.4 has CVE-2019-10744. */
export const LODASH = { weak: '4.17.4', mended: '4.17.21' } as const;

/** Writes the program as its makers would hand it over, with the lock file that tells its parts. @returns a tar.gz */
export async function programSource(folder: string, version: string, lodash: string): Promise<string> {
  const name = `${PROGRAM}-${version}`;
  const tree = join(folder, name);
  await mkdir(join(tree, 'bin'), { recursive: true });
  await mkdir(join(tree, 'lib'), { recursive: true });
  const greeting = `Greetings from ${PROGRAM} ${version}`;
  await writeFile(join(tree, 'bin/greet'), `#!/bin/sh\necho '${greeting}'\n`, { mode: 0o755 });
  await writeFile(join(tree, 'bin/greet.cmd'), `@echo ${greeting}\r\n`);
  const lock = {
    name: PROGRAM,
    version,
    lockfileVersion: 3,
    packages: {
      '': { name: PROGRAM, version, dependencies: { lodash } },
      'node_modules/lodash': { version: lodash, license: 'MIT' },
    },
  };
  await writeFile(join(tree, 'lib/package-lock.json'), JSON.stringify(lock));
  const archive = join(folder, `${name}.tar.gz`);
  await run('tar', ['-C', folder, '-czf', archive, name]);
  return archive;
}

const UNIX_FILES = [
  { from: 'bin/greet', to: PROGRAM_FILE, mode: '0755' },
  { from: 'lib', to: `/opt/${PROGRAM}/lib` },
];

const OF_FORMAT: Readonly<Record<ProgramFormat, object>> = {
  deb: { architecture: 'all', files: UNIX_FILES },
  msi: {
    manufacturer: 'EUCORA demo',
    upgrade_code: '0c6f6a57-52a6-4a0f-8f0d-6b1f5a3c9d21',
    files: [
      { from: 'bin/greet.cmd', to: 'greet.cmd' },
      { from: 'lib', to: 'lib' },
    ],
  },
  pkg: { architecture: 'all', identifier: 'example.invalid.eucora-demo-greet', files: UNIX_FILES },
};

/** The package description for one platform. */
export const programDescription = (format: ProgramFormat, version: string): object => ({
  format,
  name: PROGRAM,
  version,
  maintainer: 'EUCORA demo <demo@example.invalid>',
  summary: 'A program that the demo of EUCORA packages and rolls out',
  license: 'MIT',
  source: { type: 'archive', strip_components: 1 },
  ...OF_FORMAT[format],
});
