import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UsageError } from '../options.ts';

export const FORMATS = ['deb', 'rpm', 'msi', 'pkg'] as const;
export type Format = (typeof FORMATS)[number];

/** Formats of a list such as `deb,rpm`. @throws UsageError */
export function formatsOf(list: string): Format[] {
  const formats = list.split(',').map((name) => FORMATS.find((format) => format === name.trim()));
  if (formats.includes(undefined)) throw new UsageError(`--formats is a list of ${FORMATS.join(', ')}`);
  return formats.filter((format) => format !== undefined);
}

const FILE_BYTES = 65_536;
const NAME = 'bench-1';

/** Text that compresses as programs do, to about three quarters, and is the same each time. */
function content(file: number): Buffer {
  const lines: string[] = [];
  for (let bytes = 0, line = 0; bytes < FILE_BYTES; line += 1) {
    const text = createHash('sha512').update(`${file}.${line}`).digest('base64');
    bytes += text.length;
    lines.push(text);
  }
  return Buffer.from(lines.join(''));
}

/** A tar.gz of a program, its library of `mebibytes`, and a lock file that names npm packages. @returns its path */
export async function makeSource(folder: string, mebibytes: number): Promise<string> {
  const root = join(folder, NAME);
  await mkdir(join(root, 'bin'), { recursive: true });
  await mkdir(join(root, 'lib'));
  await writeFile(join(root, 'bin/bench'), '#!/bin/sh\necho bench\n', { mode: 0o755 });
  const files = Math.ceil((mebibytes * 2 ** 20) / FILE_BYTES);
  for (let file = 0; file < files; file += 1) await writeFile(join(root, `lib/part-${file}`), content(file));
  const dependencies = { lodash: '4.17.21', minimist: '1.2.8' };
  const locked = Object.entries(dependencies).map(([name, version]) => [
    `node_modules/${name}`,
    { version, license: 'MIT' },
  ]);
  const lock = {
    name: 'bench',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: { '': { name: 'bench', version: '1.0.0', dependencies }, ...Object.fromEntries(locked) },
  };
  await writeFile(join(root, 'lib/package-lock.json'), JSON.stringify(lock));
  const archive = join(folder, 'source.tar.gz');
  await promisify(execFile)('tar', ['-C', folder, '-czf', archive, NAME]);
  return archive;
}

const UNIX = {
  files: [
    { from: 'bin/bench', to: '/usr/bin/eucora-bench', mode: '0755' },
    { from: 'lib', to: '/opt/eucora-bench/lib' },
  ],
};
const WINDOWS = {
  manufacturer: 'EUCORA',
  upgrade_code: '0b7c4f0e-58a5-4b8b-9d53-2f3c1f6f3c11',
  files: [
    { from: 'bin/bench', to: 'bench.exe' },
    { from: 'lib', to: 'lib' },
  ],
};
const PARTS: Readonly<Record<Format, object>> = {
  deb: UNIX,
  rpm: UNIX,
  msi: WINDOWS,
  pkg: { ...UNIX, identifier: 'com.example.eucora-bench' },
};

/** What the API is asked for; each time another version, as each build of a program has. */
export const pipelineRequest = (format: Format, sha256: string, patch: number): object => ({
  source: { artifact_sha256: sha256 },
  description: {
    format,
    name: 'eucora-bench',
    version: `1.0.${patch}`,
    maintainer: 'EUCORA <bench@example.org>',
    summary: 'what the bench packages',
    source: { type: 'archive', strip_components: 1 },
    ...PARTS[format],
  },
});
