import { DOWNLOADED, UNKNOWN } from './model.ts';

/** How bad it is to delete, overwrite or reassign what a path names. */
export type Reach =
  /** A root, a system's or everybody's folder: nothing may delete it. */
  | 'critical'
  /** Cannot be told before it runs. */
  | 'unknown'
  /** One thing of an application or a cache. */
  | 'narrow';

const UNIX_ROOTS = new Set(
  (
    '/ /bin /boot /cores /dev /etc /home /lib /lib32 /lib64 /libexec /media /mnt /nix /opt /private /proc /root /run /sbin /snap /srv /sys /tmp/.. /usr /var ' +
    '/Applications /Library /Network /System /Users /Volumes /boot/efi /boot/grub /boot/grub2 ' +
    '/usr/bin /usr/sbin /usr/lib /usr/lib64 /usr/libexec /usr/local /usr/local/bin /usr/local/lib /usr/share /usr/include ' +
    '/var/lib /var/log /var/spool /var/mail /var/www /var/backups /var/db /var/root /var/run /var/lib/dpkg /var/lib/rpm /var/lib/docker /var/lib/mysql ' +
    '/var/lib/postgresql /var/lib/systemd /var/lib/apt /var/lib/pgsql /var/lib/mongodb /var/lib/etcd /var/lib/kubelet /var/lib/containerd ' +
    '/etc/ssh /etc/ssl /etc/ssl/certs /etc/ssl/private /etc/pki /etc/pki/tls /etc/pki/tls/certs /etc/pki/ca-trust /usr/share/ca-certificates /etc/pam.d /etc/systemd /etc/apt /etc/network /etc/security /etc/init.d /etc/default /etc/sudoers.d /etc/cron.d /etc/yum.repos.d /etc/selinux /etc/alternatives ' +
    '/private/etc /private/var /private/var/db /private/var/log /System/Library /System/Volumes /System/Volumes/Data /System/Applications ' +
    '/Library/LaunchDaemons /Library/Preferences /Library/Keychains /Library/Extensions /Library/Frameworks /usr/lib/modules /lib/modules /lib/systemd /usr/lib/systemd /usr/lib/python3'
  ).split(' '),
);
/** Single files without which a machine does not start or let anybody in. */
const UNIX_FILES =
  /^\/(?:etc\/(?:passwd|shadow|group|gshadow|sudoers|fstab|hosts|crypttab|resolv\.conf|nsswitch\.conf|ld\.so\.(?:conf|cache|preload)|inittab|machine-id|login\.defs|profile|pam\.conf|ssh\/.*|pam\.d\/.*|sudoers\.d\/.*)|private\/etc\/(?:sudoers|passwd|hosts|master\.passwd)|boot\/.*|(?:usr\/)?s?bin\/[^/]+|(?:usr\/)?lib(?:32|64)?\/(?:[^/]*\/)?(?:ld-linux|libc\.so|libc-|libpam|libcrypt|systemd\/systemd)[^/]*|var\/lib\/(?:dpkg\/status|mysql\/(?:ibdata|ib_logfile|undo_?|mysql\.ibd)[\d*?]*|mysql\/[^/]+\/[^/]+\.(?:ibd|frm|my[di])|(?:postgresql|pgsql)\/(?:.*\/)?(?:PG_VERSION|pg_control|(?:global|base|pg_wal|pg_xact)\/.*)|mongodb\/[^/]+\.wt|etcd\/member\/.*|rpm\/(?:Packages|rpmdb\.sqlite))|var\/db\/(?:dslocal|auth\.db).*|Library\/Keychains\/.*|System\/.*|proc\/.*|sys\/.*)$/;
const UNIX_LOCKS =
  /^\/(?:var\/(?:lib\/(?:dpkg|apt\/lists)|cache\/apt\/archives|run|lock)|run)\/.*(?:lock(?:-frontend)?|\.pid|\.sock)$/;
const HOME = /^(?:\/home|\/Users|\/var\/home)\/[^/]+$|^\/root$|^~$|^\/var\/root$/;
const IN_HOME =
  /^(?:(?:\/home|\/Users|\/var\/home)\/[^/]+|\/root|~)\/(?:\*|\.\*|\.\?\*|\.\[!?[^\]]*\]\*|Documents|Desktop|Downloads|Pictures|Music|Movies|Videos|Library|Library\/(?:Keychains|Preferences|Mail|Messages|Mobile Documents|Application Support)|\.ssh|\.gnupg|\.config|\.local(?:\/share)?|\.kube|\.aws|\.mozilla|OneDrive|Dropbox|iCloud Drive|\.bashrc|\.profile|\.zshrc|\.bash_profile|\.ssh\/.*)$/;

const WINDOWS_FOLDERS = new RegExp(
  '^[a-z]:\\\\(?:windows(?:\\\\(?:system32|syswow64|system|winsxs|boot|fonts|inf|servicing|assembly|security|policydefinitions|installer|microsoft\\.net|systemapps|' +
    'system32\\\\(?:drivers|config|winevt|winevt\\\\logs|driverstore|wbem|windowspowershell|boot|catroot|grouppolicy|tasks|spp|drivers\\\\etc)))?|winnt|program files(?: \\(x86\\))?(?:\\\\(?:windows defender|common files|windowsapps|windows nt))?|' +
    'programdata(?:\\\\(?:microsoft|microsoft\\\\windows|package cache))?|users(?:\\\\[^\\\\]+)?|documents and settings|boot|recovery|efi|perflogs|inetpub|system volume information|\\$recycle\\.bin\\\\\\.\\.|' +
    'users\\\\[^\\\\]+\\\\(?:documents|desktop|downloads|pictures|music|videos|appdata(?:\\\\(?:roaming|local|locallow))?|onedrive[^\\\\]*|favorites|contacts|\\.ssh|ntuser\\.dat))$',
  'i',
);
const WINDOWS_FILES =
  /^[a-z]:\\(?:bootmgr|bootnxt|ntldr|pagefile\.sys|hiberfil\.sys|boot\\.*|efi\\.*|windows\\(?:system32|syswow64|winsxs|boot|fonts|servicing)\\(?!(?:spool\\printers|logfiles|catroot2|tasks\\[^\\]+|sru|drivers\\etc\\hosts\.(?:bak|old)|config\\systemprofile\\appdata\\local\\(?:temp|microsoft\\windows\\inetcache)|dns|wbem\\logs|[^\\]*\.(?:log|tmp|bak))(?:\\|$))(?:.*)|windows\\(?:explorer|regedit|notepad)\.exe)$/i;
const HARMLESS_WINDOWS =
  /^[a-z]:\\windows\\(?:temp|softwaredistribution|prefetch|logs|minidump|memory\.dmp|system32\\(?:spool\\printers|catroot2|logfiles|sru)|downloaded program files|installer\\\$patchcache\$|panther|livekernelreports|ccmcache|ccm\\(?:cache|logs))(?:\\|$)/i;
const REGISTRY_ROOTS =
  /^(?:registry::)?(?:hklm|hkcu|hkcr|hku|hkcc|hkey_local_machine|hkey_current_user|hkey_classes_root|hkey_users|hkey_current_config):?(?:\\(?:\*|software|system|sam|security|hardware|bcd00000000|software\\(?:microsoft|classes|policies|wow6432node|microsoft\\(?:windows|windows nt|windows defender|windows\\currentversion|windows nt\\currentversion|windows\\currentversion\\(?:run|policies|uninstall|installer|explorer)|windows nt\\currentversion\\(?:winlogon|profilelist|image file execution options)))|system\\(?:currentcontrolset|controlset\d+|setup|currentcontrolset\\(?:services|control|enum|control\\(?:safeboot|session manager|lsa|class)))))?\\?\*?$/i;

export const isRegistry = (path: string): boolean =>
  /^(?:registry::)?(?:hklm|hkcu|hkcr|hku|hkcc|hkey_)/i.test(path);
export const isRegistryRoot = (path: string): boolean => REGISTRY_ROOTS.test(path.replaceAll('/', '\\'));

/** What a path reaches when all of it goes. `directory` is where relative paths begin, if that is known. */
export function reachOf(path: string, directory: string | undefined, recursive: boolean): Reach {
  // A variable may be empty: what is left then must be narrow, too.
  if (path.includes(UNKNOWN) || path.includes(DOWNLOADED)) return reachOfUnknown(path, directory, recursive);
  if (
    directory !== undefined &&
    /^[a-z]:/i.test(directory) &&
    !/^(?:[a-z]:|[\\/~%])/i.test(path) &&
    !isRegistry(path)
  )
    return windowsReach(`${directory}\\${path}`, recursive);
  if (isRegistry(path)) return isRegistryRoot(path) ? 'critical' : 'narrow';
  return /^[a-z]:|^\\|^\/[a-z]:|^%/i.test(path) || (path.includes('\\') && !path.startsWith('/'))
    ? windowsReach(path, recursive)
    : unixReach(path, directory, recursive);
}

function reachOfUnknown(path: string, directory: string | undefined, recursive: boolean): Reach {
  const empty = path.replaceAll(UNKNOWN, '').replaceAll(DOWNLOADED, '');
  if (path.startsWith(`${UNKNOWN}guarded`)) return 'narrow';
  if (empty === '') return recursive ? 'unknown' : 'narrow';
  const known = reachOf(empty, directory, recursive);
  if (known === 'critical') return 'critical';
  // `/opt/app/$x` stays below a known folder; `$x/name` does not.
  if (/^(?:\/[^/\u0001]+\/[^\u0001]|[a-z]:\\[^\\\u0001]+\\[^\u0001])/i.test(path))
    return /\.\./.test(path) ? 'unknown' : 'narrow';
  return /^[\u0001][\\/][\w.-]+/.test(path) && !/^[\\/]?\*+$/.test(empty)
    ? 'narrow'
    : recursive
      ? 'unknown'
      : 'narrow';
}

function unixReach(path: string, directory: string | undefined, recursive: boolean): Reach {
  const wildcard = /(?:^|\/)(?:\*|\.\*|\{[^}]*\}|\.\[!?[^\]]*\]\*|\?\*|\*\*|[!?*+@]\([^)]*\))$/.test(path);
  if (!path.startsWith('/') && !path.startsWith('~')) {
    if (/^(?:\.[\\/])?(?:\*|\*\.\*|\.\*|\.|\.\[!?[^\]]*\]\*|)$/.test(path)) {
      return directory === undefined
        ? recursive
          ? 'unknown'
          : 'narrow'
        : unixReach(`${directory}/${path === '.' ? '' : '*'}`, undefined, recursive);
    }
    if (/^\.\.(?:\/|$)/.test(path))
      return directory === undefined ? 'unknown' : unixReach(`${directory}/${path}`, undefined, recursive);
    return directory === undefined ? 'narrow' : unixReach(`${directory}/${path}`, undefined, recursive);
  }
  const whole = normalised(path).replace(/^\/private(?=\/(?:etc|var|tmp)(?:\/|$))/, '');
  const bare = wildcard ? normalised(whole.replace(/\/?[^/]*$/, '')) : whole;
  if (UNIX_LOCKS.test(whole)) return 'narrow';
  if (recursive) {
    if (
      /^\/(?:mnt|cygdrive)\/[a-z](?:\/(?:Windows|Users|Program Files))?(?:\/\*)?$/i.test(bare) ||
      matches(whole) ||
      matches(bare) ||
      HOME.test(bare) ||
      IN_HOME.test(whole) ||
      IN_HOME.test(bare)
    )
      return 'critical';
  } else if (wildcard && (UNIX_ROOTS.has(bare) || HOME.test(bare)) && !/^\/(?:var\/log|tmp|run)/.test(bare))
    return 'critical';
  return UNIX_FILES.test(whole) ||
    /^\/dev\/(?:[shv]d[a-z]|nvme|disk|mapper|dm-|md|mmcblk|rdisk|xvd)/.test(whole)
    ? 'critical'
    : 'narrow';
}

/** Also through wildcards: `/e*c` and `/[eu]*` reach what they may. */
function matches(path: string): boolean {
  if (UNIX_ROOTS.has(path)) return true;
  if (!/[*?[]/.test(path) || path.split('/').length > 4) return false;
  const pattern = globPattern(path, '/');
  return [...UNIX_ROOTS].some((root) => root.split('/').length <= 3 && pattern.test(root));
}

function globPattern(glob: string, separator: '/' | '\\'): RegExp {
  const other = separator === '/' ? '[^/]' : '[^\\\\]';
  const source = glob
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replace(/\*+/g, `${other}*`)
    .replace(/\?/g, other)
    .replace(/\[!/g, '[^');
  try {
    return new RegExp(`^${source}$`, separator === '/' ? '' : 'i');
  } catch {
    // A bracket that never closes stands for itself.
    return new RegExp(`^${source.replaceAll('[', '\\[')}$`);
  }
}

function normalised(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return path.startsWith('~') ? parts.join('/') : `/${parts.join('/')}`;
}

function windowsReach(path: string, recursive: boolean): Reach {
  const text = path
    .replaceAll('/', '\\')
    .replace(/^\\\\[?.]\\/, '')
    .replace(/^\\\\(?:localhost|127\.0\.0\.1|\.)\\([a-z])\$/i, '$1:')
    .replace(/%(?:systemdrive|homedrive)%/gi, 'C:')
    .replace(/%(?:systemroot|windir)%/gi, 'C:\\Windows')
    .replace(/^\\(?!\\)/, 'C:\\');
  const parts: string[] = [];
  for (const part of text.split(/\\+/)) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  const whole = parts.join('\\');
  if (/^[a-z]:?$/i.test(whole) || /^[a-z]:\\\*(?:\.\*)?$/i.test(whole)) return 'critical';
  if (/^[a-z]:\*/i.test(whole)) return 'critical';
  const bare = whole.replace(/\\\*(?:\.\*)?$/, '');
  if (HARMLESS_WINDOWS.test(`${whole}\\`)) return 'narrow';
  if (WINDOWS_FILES.test(whole)) return 'critical';
  if (!recursive && whole === bare && !WINDOWS_FOLDERS.test(whole)) return 'narrow';
  if (
    recursive &&
    /\\\*\.\w+$/.test(whole) &&
    /^[a-z]:\\(?:windows|users|program files(?: \(x86\))?)\\[^\\]+$/i.test(whole)
  )
    return 'critical';
  if (/^[a-z]:\\\*\.\w+$/i.test(whole)) return recursive ? 'critical' : 'narrow';
  // `C:\Win*`
  if (/[*?]/.test(bare)) {
    const pattern = globPattern(bare, '\\');
    if (
      [
        'C:\\Windows',
        'C:\\Users',
        'C:\\Program Files',
        'C:\\ProgramData',
        'C:\\Windows\\System32',
        'C:\\Users\\user',
      ].some((root) => pattern.test(root))
    )
      return 'critical';
  }
  return WINDOWS_FOLDERS.test(bare) ? 'critical' : 'narrow';
}

/** A disk or one of its parts, by any of its names. */
export function isDisk(path: string): boolean {
  return (
    /^\/dev\/(?:[shv]d[a-z]\d*|xvd[a-z]\d*|nvme\d+(?:n\d+(?:p\d+)?)?|mmcblk\d+(?:p\d+)?|r?disk\d+(?:s\d+)?|mapper\/.+|dm-\d+|md\d+|loop\d+|disk\/by-.+|sr\d+|mem|kmem|[\w-]+\/(?:root|lv\S*))$/i.test(
      path,
    ) ||
    /^\/dev\/(?:[shv]d|disk|nvme|xvd)[\u0001*?[]?/.test(path) ||
    /^\/dev\/\u0001/.test(path) ||
    /^\\\\[.?]\\(?:physicaldrive|harddisk|[a-z]:|globalroot)/i.test(path)
  );
}
