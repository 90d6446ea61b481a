import { hasUnknown, programName } from '../commands/model.ts';
import { reachOf } from '../commands/paths.ts';
import { partOf } from '../parts.ts';
import { lineRules, type Rule, type Seen, type Verdict } from './rule.ts';

const DELETERS = new Set(
  'rm del erase rd rmdir ri remove-item unlink srm shred wipe rimraf trash deltree sdelete sdelete64 grm'.split(
    ' ',
  ),
);
const WINDOWS_ONLY = new Set(['del', 'erase', 'rd', 'deltree']);
const LISTERS = new Set('get-childitem gci ls dir find get-item gi write-output'.split(' '));
/** Parameters of PowerShell whose next word is no path. */
const VALUED =
  /^-(?:include|exclude|filter|erroraction|ea|errorvariable|ev|warningaction|wa|confirm|depth|stream|attributes)$/i;

const isRecursive = (args: readonly string[]): boolean =>
  args.some(
    (arg) =>
      /^(?:--recursive|-[dfiIvPRrxu]*[rR][dfiIvPRrxu]*|-r(?:ec(?:urse?)?|e|ecu|ecur)|\/s)$/i.test(arg) &&
      !/^-(?:dir|div|rdi)$/i.test(arg),
  );

function targetsOf({ name, args }: Seen): string[] {
  const switches = WINDOWS_ONLY.has(name) || args.some((arg) => /^\/[sqfpa]$/i.test(arg));
  return args.filter((arg, index) => {
    if (/^-/.test(arg) && arg !== '-') return false;
    if (switches && /^\/[a-z](?::.*)?$/i.test(arg)) return false;
    if (/^\/[dfpqs]{2,}$/i.test(arg) && switches) return false;
    return !VALUED.test(partOf(args, index - 1)) && !/^\$?(?:true|false|silentlycontinue|stop)$/i.test(arg);
  });
}

/** What deleting a path would be. */
export function verdict(
  path: string,
  directory: string | undefined,
  recursive: boolean,
): Verdict | undefined {
  const reach = reachOf(path, directory, recursive);
  if (reach === 'critical')
    return {
      code: 'destructive_deletion',
      message: 'Deletes a root, a system’s folder or file, or somebody’s home',
    };
  if (reach === 'unknown')
    return { code: 'unbounded_deletion', message: 'Deletes recursively what cannot be told before it runs' };
  return undefined;
}

const deletes: Rule = (seen) => {
  const { name, args, directory, before } = seen;
  if (!DELETERS.has(name)) return undefined;
  if (args.includes('--no-preserve-root'))
    return { code: 'destructive_deletion', message: 'Asks that even the root be deleted' };
  const listed = before.findLast((command) => LISTERS.has(programName(partOf(command.words, 0))));
  const recursive = isRecursive(args) || (listed !== undefined && isRecursive(listed.words.slice(1)));
  const targets = targetsOf(seen);
  // Without quotes a path with blanks falls apart: what is meant is judged as well.
  const meant = /^(?:del|erase|rd|rmdir)$/.test(name) && targets.length > 1 ? [targets.join(' ')] : [];
  const own = [...targets, ...meant]
    .map((path) => verdict(path, directory, recursive))
    .find((found) => found !== undefined);
  // What a list of files hands on is judged by where the list was made.
  const given =
    listed === undefined || targets.some((path) => !hasUnknown(path) && path !== '')
      ? undefined
      : listedVerdict(listed.words.slice(1), directory);
  return given ?? (listed !== undefined && own?.code === 'unbounded_deletion' ? undefined : own);
};

function listedVerdict(args: readonly string[], directory: string | undefined): Verdict | undefined {
  const recursive = isRecursive(args) || args.some((arg) => /^-(?:exec|delete|type|name|print0?)$/.test(arg));
  const paths = args.filter(
    (arg, index) =>
      !/^[-(!]/.test(arg) &&
      !/^-(?:include|exclude|filter|depth|name|type|mtime|mmin|size|attributes|erroraction|ea|user|newer|iname|maxdepth|mindepth|perm)$/i.test(
        partOf(args, index - 1),
      ),
  );
  const roots = paths.length === 0 ? ['*'] : paths;
  return roots.map((path) => verdict(path, directory, recursive)).find((found) => found !== undefined);
}

/** Folders in which even a search with a filter must not delete. */
const SEARCHED =
  /^\/(?:\*|bin|boot|dev|etc|lib\w*|sbin|usr(?:\/\w+)?|root|System|Library|Applications|private|proc|sys|Users|home)?\/?$/;

function forFiles(args: readonly string[], directory: string | undefined): Verdict | undefined {
  const root = args[args.findIndex((arg) => /^[/-]p$/i.test(arg)) + 1] ?? '';
  const deletes = args.some((arg) => /\b(?:del|erase|rd|rmdir|format)\b/i.test(arg));
  return deletes ? verdict(root, directory, true) : undefined;
}

const finds: Rule = ({ name, args, directory }) => {
  if (name === 'forfiles') return forFiles(args, directory);
  if (name !== 'find') return undefined;
  const acts = args.some(
    (arg, index) =>
      arg === '-delete' ||
      (/^-(?:exec|execdir|ok)$/.test(arg) &&
        /^(?:.*\/)?(?:rm|shred|unlink|srm|mv|truncate|dd|chmod|chown|sudo|sh|bash)$/.test(
          partOf(args, index + 1),
        )),
  );
  if (!acts) return undefined;
  const end = args.findIndex((arg) => /^[-(!]/.test(arg));
  const roots = args.slice(0, end === -1 ? args.length : end).filter((arg) => !/^-[HLP]$/.test(arg));
  const filtered = args.some(
    (arg) =>
      /^-i?(?:name|path|wholename|regex|mtime|mmin|atime|ctime|newer|empty|size)$/.test(arg) &&
      !/^\*?$/.test(args[args.indexOf(arg) + 1] ?? 'x'),
  );
  if (roots.some((root) => SEARCHED.test(root) || root === '/home/user'))
    return {
      code: 'destructive_deletion',
      message: 'Searches a system’s folder and changes or deletes what it finds',
    };
  if (filtered) return undefined;
  return (roots.length === 0 ? ['.'] : roots)
    .map((root) => verdict(root, directory, true))
    .find((found) => found !== undefined);
};

/** What a machine needs at every moment, or at its next start. */
const INDISPENSABLE =
  /^(?:\/(?:bin|boot|dev|etc|home|lib\w*|proc|root|run|sbin|sys|usr|var|System|Library|Applications|Users|private)?(?:\/\*)?|\/usr\/(?:s?bin|lib\w*|share|local)|\/(?:usr\/)?s?bin\/[^/]+|\/etc\/(?:passwd|shadow|group|sudoers|pam\.d|fstab|ssl|ssh|systemd)|\/var\/lib(?:\/(?:dpkg|rpm))?|\/boot\/.*|\/System\/.*|\/Library\/(?:Keychains|Preferences|Frameworks|LaunchDaemons)|[a-z]:\\(?:windows(?:\\(?:system32|syswow64|winsxs)(?:\\(?:config|drivers|.*\.(?:exe|dll|sys)))?)?|users|program files(?: \(x86\))?|programdata|bootmgr))$/i;

const moves: Rule = ({ name, args, directory, lower }) => {
  const paths = args.filter(
    (arg) =>
      !/^-/.test(arg) && !/^\/[a-z]+(?::.*)?$/i.test(arg.length <= 6 && name === 'robocopy' ? arg : ''),
  );
  if (/^(?:mv|move|move-item|mi|ren|rename|rename-item|rni)$/.test(name)) {
    const target = paths.at(-1) ?? '';
    const renames = /^re?n/.test(name);
    // Under another name in the same place it can be put back, unless nothing runs without it.
    const critical = paths
      .slice(0, -1)
      .some(
        (path) =>
          reachOf(path, directory, true) === 'critical' &&
          (INDISPENSABLE.test(path.replace(/(?<=.)[\\/]+$/, '')) ||
            !(target.startsWith(path) && target !== path)),
      );
    return critical || (!renames && target === '/dev/null')
      ? { code: 'destructive_deletion', message: 'Moves away what the system needs' }
      : undefined;
  }
  const mirrors =
    (name === 'robocopy' && lower.some((arg) => /^\/(?:mir|purge|move)$/.test(arg))) ||
    (name === 'rsync' && lower.some((arg) => /^--(?:del(?:ete)?|remove-source)/.test(arg)));
  if (!mirrors) return undefined;
  const target = name === 'robocopy' ? paths[1] : paths.at(-1);
  const source = name === 'robocopy' && lower.includes('/move') ? paths[0] : undefined;
  return [target, source].some((path) => path !== undefined && reachOf(path, directory, true) === 'critical')
    ? {
        code: 'destructive_deletion',
        message: 'Mirrors over a system’s or everybody’s folder and deletes what is there',
      }
    : undefined;
};

// Of kernels those that a release is named of are old ones, as a rule: packages refuse to remove the one that runs.
const ESSENTIAL =
  '(?:libc6|glibc|libc-bin|systemd|systemd-sysv|bash|dash|coreutils|dpkg|apt|rpm|dnf|yum|linux-image(?!-(?:unsigned-)?\\d+\\.\\d)\\S*|kernel(?:-core)?|sudo|openssh-server|init|util-linux|login|passwd|base-files|libstdc\\+\\+6|openssl|python3|python3-minimal|network-manager|filesystem|zlib1g|\\*)';
const packages = lineRules('essential_package', [
  [
    new RegExp(
      `^(?:apt|apt-get|aptitude|yum|dnf|zypper|tdnf|microdnf|pacman|apk|dpkg|rpm)\\b.*\\s(?:remove|purge|erase|autoremove --purge|rm|del|-r|-p|--purge|--remove|-e|-rns?|-rdd?)\\b.*\\s'?${ESSENTIAL}(?:\\s|$)`,
      'i',
    ),
    'Removes a package without which the system does not run',
  ],
  [/--(?:force-remove-essential|allow-remove-essential|force-all)\b/, 'Removes packages whatever needs them'],
  [/--no-preserve-root/, 'Asks that even the root be changed'],
]);

/** Without a name, every application goes. */
const applications: Rule = ({ name, args, before, line }) => {
  const asked = [line, ...before.map(({ words }) => words.join(' ').toLowerCase())].join(' ');
  if (
    /\bwin32_product\b|^wmic\s+product\b/.test(asked) &&
    /\buninstall\b/.test(line) &&
    !/name\s*(?:=|-?like|-?eq|-?match)\s*\\?["']*\S*\w{3}|identifyingnumber|\$_|-filter\s|\u0001/.test(asked)
  )
    return { code: 'essential_package', message: 'Removes every application' };
  if (!/^(?:remove-appxpackage|remove-appxprovisionedpackage|uninstall-package)$/.test(name))
    return undefined;
  const named = [...args, ...before.flatMap(({ words }) => words.slice(1))].some((arg) =>
    /^[^-].*\w{3}/.test(arg),
  );
  return named ? undefined : { code: 'essential_package', message: 'Removes every application' };
};

export const DELETION_RULES: readonly Rule[] = [deletes, finds, moves, packages, applications];
