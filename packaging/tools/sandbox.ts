import { readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { ToolContext } from '../context.ts';

/** What programs of the system need, and nothing that is somebody's own. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
/** Of the system's settings, those that programs ask for; keys and passwords lie beside them. */
const SETTINGS = [
  ...['passwd', 'group', 'nsswitch.conf', 'host.conf', 'hosts', 'resolv.conf', 'gai.conf', 'services'],
  ...['ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'alternatives', 'localtime', 'timezone', 'mime.types'],
  ...[
    'ssl/certs',
    'ssl/openssl.cnf',
    'ca-certificates',
    'pki/tls',
    'crypto-policies',
    'rpm',
    'dpkg',
    'debsig',
  ],
].map((name) => `/etc/${name}`);

/** No network, no other processes, no rights of root, and a file system of what is bound below. */
const CUT_OFF = ['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--die-with-parent', '--cap-drop', 'ALL'];
const OWN = ['--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp'];

/** The descriptor on which bubblewrap tells how what it started ended; it says nothing of that where it started nothing. */
export const STATUS_FD = 3;
export const TELLS_STATUS = '--json-status-fd';
/** Whether what bubblewrap told there is of something that it started. */
export const hasBegun = (status: string): boolean => status.includes('"exit-code"');

/** Arguments that put the system in its place, as it lies here: folders, or links as on most systems of today. */
async function system(): Promise<string[]> {
  const placed: string[] = [];
  for (const path of SYSTEM) {
    const target = await readlink(path).catch(() => undefined);
    if (target === undefined) placed.push('--ro-bind-try', path, path);
    else placed.push('--symlink', target, path);
  }
  return [...placed, ...SETTINGS.flatMap((path) => ['--ro-bind-try', path, path])];
}

const within = (folder: string, path: string): boolean =>
  path === folder || path.startsWith(folder === '/' ? folder : `${folder}/`);
const isOfSystem = (path: string): boolean => SYSTEM.some((folder) => within(folder, path));

/**
 * Whether a path needs to be shown and may be. A folder that holds the workspace would uncover all that lies beside it.
 */
const isForeign = ({ workspace }: ToolContext, path: string): boolean =>
  !isOfSystem(path) && !within('/dev', path) && !within(workspace, path) && !within(path, workspace);

/** Folders in which tools lie and that are not the system's; Debian packages in the cache have their root beside. */
function toolFolders(ctx: ToolContext): string[] {
  const own = ctx.settings.path.filter(isAbsolute).map((folder) => resolve(folder));
  const beside = own.filter((folder) => basename(folder) === 'bin' && dirname(folder) !== '/');
  const folders = [...own, ...beside.map((folder) => join(dirname(folder), 'root'))];
  return folders.filter((folder) => isForeign(ctx, folder));
}

/** What a command may see and change besides its workspace. */
export interface Sight {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly network: boolean;
  /** Files that it may read although no argument of its own names them. */
  readonly reads: readonly string[];
  /** Folders that it may change. */
  readonly writes: readonly string[];
}

/**
 * Arguments of bubblewrap for one run of a tool: the system to read, the workspace to change, and of all else only
 * what our own arguments name. So a build sees neither keys nor other pipelines, and signing sees its key alone.
 */
export async function sandboxArguments(ctx: ToolContext, sight: Sight): Promise<string[]> {
  const { command, env, cwd, network, reads, writes } = sight;
  const named = await namedPaths(ctx, [...command, ...reads]);
  const gnupg = [env['GNUPGHOME'], after(command, '--homedir')].filter((home) => home !== undefined);
  const changed = [...new Set([ctx.workspace, ...gnupg, ...writes])];
  const bind = (how: string, paths: readonly string[]): string[] =>
    paths.flatMap((path) => [how, path, path]);
  return [
    ...[TELLS_STATUS, String(STATUS_FD)],
    ...CUT_OFF,
    ...(network ? [] : ['--unshare-net']),
    ...(await system()),
    ...OWN,
    ...bind('--ro-bind-try', toolFolders(ctx)),
    ...bind('--ro-bind', named),
    ...bind('--bind', changed),
    // What is left of the root is memory of this run, which is nobody's to fill.
    ...['--remount-ro', '/', '--chdir', cwd, '--'],
  ];
}

/**
 * The program and the files among its arguments that lie elsewhere, also at the end of links; but not of links in the
 * workspace, which are what strangers made.
 */
async function namedPaths(ctx: ToolContext, command: readonly string[]): Promise<string[]> {
  const paths = new Set<string>();
  // As openssl names files with passwords.
  const words = command.map((word) => word.replace(/^file:/, ''));
  for (const word of words.filter(isAbsolute).map((path) => resolve(path))) {
    if (within(ctx.workspace, word)) continue;
    for (const path of [word, await realpath(word).catch(() => word)]) {
      if (!isForeign(ctx, path)) continue;
      const found = await stat(path).catch(() => undefined);
      if (found?.isFile() === true || found?.isDirectory() === true) paths.add(path);
    }
  }
  return [...paths];
}

function after(command: readonly string[], option: string): string | undefined {
  const at = command.indexOf(option);
  return at < 0 ? undefined : command[at + 1];
}
