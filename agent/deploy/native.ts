import type { PACKAGE_FORMATS } from '../../contracts/agent-task/payload.ts';
import type { RunResult } from '../process/run.ts';
import type { Tools } from '../system/tools.ts';
import { PrivateRootDeb, systemDeb } from './deb.ts';
import { type Installer, lastWords } from './installer.ts';
import { checkPackageName } from './package-name.ts';
import { runTransaction } from './transaction.ts';

export type PackageFormat = (typeof PACKAGE_FORMATS)[number];

export interface InstallerOptions {
  readonly tools: Tools;
  readonly isRoot: boolean;
  /** Set by configuration: packages go there and nowhere else. */
  readonly installRoot: string | undefined;
  readonly defaultRoot: string;
  readonly scratch: string;
}

interface Native {
  readonly platform: NodeJS.Platform;
  readonly command: string;
  readonly args: (path: string) => readonly string[];
  /** How a package is taken away again; a function of its name that fails where the system has no way. */
  readonly removal: (tools: Tools, name: string) => Promise<readonly string[]>;
  /** Exit codes that mean "installed", with what to tell of them. */
  readonly success: Readonly<Record<number, string | undefined>>;
  readonly root: string;
  readonly refusesOlder?: boolean;
  readonly version: (tools: Tools, name: string) => Promise<string | undefined>;
}

/** A property of the entry that Windows keeps of an installed program. */
async function uninstallEntry(
  tools: Tools,
  name: string,
  property: 'DisplayVersion' | 'PSChildName',
): Promise<string | undefined> {
  const keys =
    'HKLM:\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\*,HKLM:\\Software\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\*';
  const found = await tools.powershell(
    `(Get-ItemProperty ${keys} -ErrorAction SilentlyContinue | Where-Object DisplayName -eq $env:EUCORA_PACKAGE_NAME | Select-Object -First 1).${property}`,
    { EUCORA_PACKAGE_NAME: name },
  );
  return found?.trim() || undefined;
}

const NATIVE: Readonly<Record<Exclude<PackageFormat, 'deb'>, Native>> = {
  rpm: {
    platform: 'linux',
    command: 'rpm',
    // An older version may be what is wanted: a rollback.
    args: (path) => ['-U', '--replacepkgs', '--oldpackage', path],
    removal: async (_tools, name) => {
      checkPackageName('RPM', name);
      return ['-e', '--', name];
    },
    success: { 0: undefined },
    root: '/',
    version: async (tools, name) => {
      checkPackageName('RPM', name);
      const printed = await tools.output('rpm', [
        '-q',
        '--qf',
        '%{NAME}\t%{VERSION}-%{RELEASE}\n',
        '--',
        name,
      ]);
      // Asked for a name with a version, rpm answers, too; that is no name.
      const rows = (printed ?? '').split('\n').map((line) => line.split('\t'));
      return rows.find(([found]) => found === name)?.[1];
    },
  },
  msi: {
    platform: 'win32',
    command: 'msiexec',
    args: (path) => ['/i', path, '/qn', '/norestart'],
    removal: async (tools, name) => {
      const code = await uninstallEntry(tools, name, 'PSChildName');
      if (code === undefined || !/^\{[0-9A-Fa-f-]{36}\}$/.test(code))
        throw new Error(`Windows Installer does not know the package ${name}`);
      return ['/x', code, '/qn', '/norestart'];
    },
    success: { 0: undefined, 3010: 'The machine must be restarted to complete the installation' },
    root: 'C:\\',
    refusesOlder: true,
    version: (tools, name) => uninstallEntry(tools, name, 'DisplayVersion'),
  },
  pkg: {
    platform: 'darwin',
    command: 'installer',
    args: (path) => ['-pkg', path, '-target', '/'],
    removal: async () => {
      throw new Error('macOS has no way to uninstall a package; deploy a version that takes the files away');
    },
    success: { 0: undefined },
    root: '/',
    version: async (tools, name) => {
      checkPackageName('macOS', name);
      return /^version: (.+)$/m.exec((await tools.output('pkgutil', ['--pkg-info', name])) ?? '')?.[1];
    },
  },
};

function ended(native: Native, result: RunResult | undefined): { output: string; notes: string[] } {
  if (result === undefined) throw new Error(`${native.command} is not installed on this machine`);
  const output = lastWords(result.stdout, result.stderr);
  const code = result.exitCode ?? -1;
  if (!(code in native.success)) throw new Error(`${native.command} failed (exit code ${code}): ${output}`);
  const note = native.success[code];
  return { output, notes: note === undefined ? [] : [note] };
}

/**
 * What installs packages of this format on this machine.
 * @throws Error when nothing here can
 */
export function installerFor(format: PackageFormat, options: InstallerOptions): Installer {
  const { tools, isRoot, installRoot, defaultRoot, scratch } = options;
  if (format === 'deb') {
    if (tools.platform !== 'linux')
      throw new Error(`Packages of format deb cannot be installed on ${tools.platform}`);
    return isRoot && installRoot === undefined
      ? systemDeb(tools, scratch)
      : new PrivateRootDeb(tools, installRoot ?? defaultRoot, scratch);
  }
  const native = NATIVE[format];
  if (native.platform !== tools.platform) {
    throw new Error(`Packages of format ${format} cannot be installed on ${tools.platform}`);
  }
  if (installRoot !== undefined) {
    throw new Error(
      `Packages of format ${format} cannot be put into a private root (EUCORA_AGENT_INSTALL_ROOT)`,
    );
  }
  return {
    root: native.root,
    refusesOlder: native.refusesOlder ?? false,
    versionOf: (name) => native.version(tools, name),
    async install(path, signal) {
      signal.throwIfAborted();
      const result = await runTransaction(tools, scratch, native.command, native.args(path));
      return { method: native.command, ...ended(native, result) };
    },
    async remove(name, signal) {
      const args = await native.removal(tools, name);
      signal.throwIfAborted();
      const result = await runTransaction(tools, scratch, native.command, args);
      return { method: native.command, ...ended(native, result) };
    },
  };
}
