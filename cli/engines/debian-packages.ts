import { constants } from 'node:fs';
import { access, chmod, mkdir, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import { EngineError } from './errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const hintFor = (packages: readonly string[]): string =>
  `Install them as root: apt-get install ${packages.join(' ')} (other systems name them alike).`;

/** Installs packages by apt; for root. @throws EngineError */
export async function installDebian(
  packages: readonly string[],
  env: Environment,
  signal?: AbortSignal,
): Promise<void> {
  const options = { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' }, signal, timeoutMs: 600_000 };
  // Others install, too: a system that has just been started often brings itself up to date.
  const waiting = ['-o', 'DPkg::Lock::Timeout=300'];
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...waiting, ...packages];
  try {
    // The lists of packages are often there already; fetching them anew takes longest.
    await runCommand('apt-get', install, options).catch(async () => {
      await runCommand('apt-get', ['update', '-qq'], options);
      await runCommand('apt-get', install, options);
    });
  } catch (error) {
    throw new EngineError(`${packages.join(', ')} could not be installed by apt`, {
      hint: hintFor(packages),
      cause: error,
    });
  }
}

/** Folders of a package in which programs lie. */
const PROGRAM_FOLDERS = ['usr/bin', 'bin', 'usr/sbin', 'sbin'];

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * Runs a program from where it was unpacked: with the libraries that came with it, and told where its own files are,
 * which it would look for below /usr. The folder may move, as long as its inside stays.
 */
const wrapper = (program: string, extra: readonly string[]): string => `#!/bin/sh
here=$(CDPATH= cd -- "$(dirname -- "$0")/../root" && pwd)
LD_LIBRARY_PATH="$here/usr/lib/$(uname -m)-linux-gnu:$here/lib/$(uname -m)-linux-gnu\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
RPM_CONFIGDIR="$here/usr/lib/rpm"
export LD_LIBRARY_PATH
[ -d "$RPM_CONFIGDIR" ] && export RPM_CONFIGDIR
exec "$here"/${quoted(program)} ${extra.join(' ')} "$@"
`;

/** Arguments that tell a program where its helpers were unpacked. */
const EXTRA: Readonly<Record<string, readonly string[]>> = {
  gpg: ['--agent-program "$here/../bin/gpg-agent"'],
};

async function writeWrappers(root: string, bin: string): Promise<void> {
  await mkdir(bin, { recursive: true });
  for (const folder of PROGRAM_FOLDERS) {
    for (const name of await readdir(join(root, folder)).catch(() => [])) {
      const path = await realpath(join(root, folder, name)).catch(() => undefined);
      const runs =
        path !== undefined &&
        (await access(path, constants.X_OK).then(
          () => true,
          () => false,
        ));
      if (!runs) continue;
      await writeFile(join(bin, name), wrapper(`${folder}/${name}`, EXTRA[name] ?? []));
      await chmod(join(bin, name), 0o755);
    }
  }
}

/** What apt would install for these packages here, as it says in a simulation; needs no rights. */
async function closure(
  packages: readonly string[],
  env: Environment,
  signal?: AbortSignal,
): Promise<string[]> {
  const simulated = await runCommand(
    'apt-get',
    ['--simulate', '--no-install-recommends', 'install', ...packages],
    { env: { ...env, LC_ALL: 'C' }, signal, timeoutMs: 120_000 },
  );
  return [...simulated.matchAll(/^Inst (\S+) /gm)].map((match) => match[1] ?? '');
}

/**
 * Unpacks packages and what they need into `folder/root`, with a program each in `folder/bin`; for users who may not
 * install. @throws EngineError
 */
export async function unpackDebian(
  packages: readonly string[],
  folder: string,
  env: Environment,
  signal?: AbortSignal,
): Promise<void> {
  const options = { cwd: folder, env, signal, timeoutMs: 600_000 };
  try {
    const names = await closure(packages, env, signal);
    if (names.length === 0) throw new EngineError('apt names nothing to install');
    await runCommand('apt-get', ['download', '-qq', ...names], options);
    const root = join(folder, 'root');
    await mkdir(root);
    for (const file of (await readdir(folder)).filter((name) => name.endsWith('.deb'))) {
      await runCommand('dpkg-deb', ['-x', file, 'root'], options);
      await rm(join(folder, file));
    }
    await writeWrappers(root, join(folder, 'bin'));
  } catch (error) {
    throw new EngineError(`${packages.join(', ')} could not be unpacked for this user`, {
      hint: hintFor(packages),
      cause: error,
    });
  }
}
