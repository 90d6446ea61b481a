import type { Platform } from '../../contracts/agent/agent.ts';
import type { Failure } from '../../contracts/incident/ai.ts';

export interface Remedy {
  readonly script: string;
  readonly explanation: string;
  /** Exits with 0 once the device is healthy; changes nothing. */
  readonly verification: string;
}

type Build = (failure: Failure) => Remedy | undefined;

/** Words that may stand in a script without quotes; anything else of a failure never gets into one. */
const PORTS = [
  /\b(?:port|bind\(\) to|listen(?:ing)? (?:on|tcp)|address|socket)\b[^\n]{0,200}?[\s:.](\d{2,5})\b/i,
  /:(\d{2,5})\b[^\n]{0,200}(?:in use|bind)/i,
];
/** Addresses of machines, whose numbers are no ports; what follows them may be one. */
const HOSTS = /\b\d{1,3}(?:\.\d{1,3}){3}\b|\[[0-9a-f:.]{2,45}\]/gi;
const PATH = /['"`]?(\/(?:[\w.+@-]+\/)*[\w.+@-]+)['"`]?/g;

function portOf({ error, log }: Failure): number | undefined {
  for (const text of [error, log]) {
    const said = text.replace(HOSTS, 'host');
    for (const pattern of PORTS) {
      const port = Number(pattern.exec(said)?.[1]);
      if (port > 0 && port <= 65_535) return port;
    }
  }
  return undefined;
}

/** The file or folder that the failing line names last. */
function pathOf({ error, log }: Failure, about: RegExp): string | undefined {
  const line = [...error.split('\n'), ...log.split('\n').reverse()].find((one) => about.test(one));
  return line === undefined
    ? undefined
    : [...line.matchAll(PATH)].map((match) => match[1] ?? '').findLast((path) => path.split('/').length > 2);
}

const LINUX: Readonly<Record<string, Build>> = {
  missing_dependency: () => ({
    script: `set -e
if command -v apt-get >/dev/null 2>&1; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q || true
  apt-get install -y -q --fix-broken
elif command -v dnf >/dev/null 2>&1; then
  dnf -y distro-sync
elif command -v zypper >/dev/null 2>&1; then
  zypper --non-interactive verify
fi
`,
    explanation: 'Lets the package manager install what is missing for packages that are already unpacked.',
    verification: 'if command -v dpkg >/dev/null 2>&1; then test -z "$(dpkg --audit)"; fi\n',
  }),
  interrupted: () => ({
    script: 'export DEBIAN_FRONTEND=noninteractive\ndpkg --configure -a\n',
    explanation: 'Completes the installation that was interrupted.',
    verification: 'test -z "$(dpkg --audit)"\n',
  }),
  install_running: () => ({
    script: `for attempt in 1 2 3 4 5 6 7 8 9 10 11 12; do
  pgrep -x 'apt|apt-get|dpkg|dnf|yum|zypper|rpm' >/dev/null 2>&1 || exit 0
  sleep 10
done
echo "another installation still runs" >&2
exit 1
`,
    explanation: 'Waits up to two minutes for the other installation to end; stops nothing.',
    verification: "! pgrep -x 'apt|apt-get|dpkg|dnf|yum|zypper|rpm' >/dev/null 2>&1\n",
  }),
  disk_full: () => ({
    script: `if command -v apt-get >/dev/null 2>&1; then apt-get clean; fi
if command -v dnf >/dev/null 2>&1; then dnf clean packages; fi
if command -v journalctl >/dev/null 2>&1; then journalctl --vacuum-size=200M; fi
find /tmp -xdev -type f -name 'eucora-*' -mtime +1 -delete
df -h /
`,
    explanation:
      'Frees space: downloaded packages, journals beyond 200 MB, and old temporary files of this platform.',
    verification: 'test "$(df -Pk / | awk \'NR==2 {print $4}\')" -gt 524288\n',
  }),
  port_in_use: (failure) => {
    const port = portOf(failure);
    if (port === undefined) return undefined;
    return {
      script: `pids=$(ss -H -ltnp 'sport = :${port}' | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u)
if [ -z "$pids" ]; then
  echo "nothing holds port ${port}"
  exit 0
fi
ps -o pid,user,args -p "$(echo $pids | tr ' ' ',')"
kill $pids
sleep 3
`,
      explanation: `Asks the program that holds port ${port} to end, and shows which one it was. Check first that it may.`,
      verification: `test -z "$(ss -H -ltn 'sport = :${port}')"\n`,
    };
  },
  read_only: (failure) => {
    const path = pathOf(failure, /read-?only/i) ?? '/';
    return {
      script: `mount_point=$(findmnt -n -o TARGET --target ${parentOf(path)})
mount -o remount,rw "$mount_point"
`,
      explanation: `Mounts the file system that holds ${path} for writing. If it turned read-only by itself, check the disk.`,
      verification: `test -w ${parentOf(path)}\n`,
    };
  },
  mandatory_access: (failure) => {
    const path = pathOf(failure, /denied|SELinux|avc/i);
    if (path === undefined) return undefined;
    return {
      script: `restorecon -v ${path}\n`,
      explanation: `Gives ${path} the SELinux label that the policy has for it.`,
      verification: '',
    };
  },
  package_database: () => ({
    script: `if command -v rpm >/dev/null 2>&1; then
  rpm --rebuilddb
else
  dpkg --configure -a
fi
`,
    explanation: 'Builds the records of the package manager anew from what is installed.',
    verification:
      'if command -v rpm >/dev/null 2>&1; then rpm -qa >/dev/null; else test -z "$(dpkg --audit)"; fi\n',
  }),
  corrupt: () => ({
    script: `if command -v apt-get >/dev/null 2>&1; then apt-get clean && apt-get update -q; fi
if command -v dnf >/dev/null 2>&1; then dnf clean all && dnf -y makecache; fi
`,
    explanation: 'Throws away downloaded packages and lists, so that they are fetched anew.',
    verification: '',
  }),
  http_status: refreshLists,
  download: refreshLists,
  dns: () => ({
    script:
      'if command -v resolvectl >/dev/null 2>&1; then resolvectl flush-caches; fi\nsystemctl try-restart systemd-resolved 2>/dev/null || true\n',
    explanation: 'Empties the cache of the resolver and starts it anew.',
    verification: '',
  }),
};

function refreshLists(): Remedy {
  return {
    script:
      'if command -v apt-get >/dev/null 2>&1; then apt-get update -q; fi\nif command -v dnf >/dev/null 2>&1; then dnf -y --refresh makecache; fi\n',
    explanation: 'Fetches the lists of packages anew: those at hand may name files that are gone.',
    verification: '',
  };
}

function parentOf(path: string): string {
  return path.replace(/\/[^/]*$/, '') || '/';
}

const WINDOWS: Readonly<Record<string, Build>> = {
  install_running: () => ({
    script: `for ($i = 0; $i -lt 12; $i++) {
  if (-not (Get-Process -Name msiexec -ErrorAction SilentlyContinue | Where-Object { $_.SessionId -ne 0 })) { exit 0 }
  Start-Sleep -Seconds 10
}
Restart-Service -Name msiserver
`,
    explanation: 'Waits up to two minutes for the other installation, then starts Windows Installer anew.',
    verification: "if ((Get-Service -Name msiserver).Status -eq 'StopPending') { exit 1 }\n",
  }),
  disk_full: () => ({
    script: `Remove-Item -Path C:\\Windows\\Temp\\* -Recurse -Force -ErrorAction SilentlyContinue
Clear-RecycleBin -DriveLetter C -Force -ErrorAction SilentlyContinue
DISM /Online /Cleanup-Image /StartComponentCleanup
`,
    explanation: 'Frees space: temporary files of Windows, the recycle bin, and superseded components.',
    verification: 'if ((Get-PSDrive -Name C).Free -lt 1GB) { exit 1 }\n',
  }),
  source_missing: repairComponents,
  package_database: () => ({
    script: 'Restart-Service -Name msiserver -Force\nmsiexec /unregister\nmsiexec /regserver\n',
    explanation: 'Registers Windows Installer anew and starts its service.',
    verification: 'Get-Service -Name msiserver | Out-Null\n',
  }),
  port_in_use: (failure) => {
    const port = portOf(failure);
    if (port === undefined) return undefined;
    return {
      script: `$owners = Get-NetTCPConnection -LocalPort ${port} -State Listen -ErrorAction SilentlyContinue | Select-Object -ExpandProperty OwningProcess -Unique
foreach ($owner in $owners) { Get-Process -Id $owner; Stop-Process -Id $owner }
`,
      explanation: `Ends the program that holds port ${port}, and shows which one it was. Check first that it may.`,
      verification: `if (Get-NetTCPConnection -LocalPort ${port} -State Listen -ErrorAction SilentlyContinue) { exit 1 }\n`,
    };
  },
  dns: () => ({
    script: 'ipconfig /flushdns\nipconfig /registerdns\n',
    explanation: 'Empties the cache of the resolver.',
    verification: '',
  }),
  connection: () => ({
    script: 'netsh winsock reset\nipconfig /flushdns\n',
    explanation: 'Resets Windows’ sockets; takes effect after a restart.',
    verification: '',
  }),
};

function repairComponents(): Remedy {
  return {
    script: 'DISM /Online /Cleanup-Image /RestoreHealth\nsfc /scannow\n',
    explanation: 'Repairs Windows’ component store and its files.',
    verification: 'DISM /Online /Cleanup-Image /CheckHealth\n',
  };
}

const MACOS: Readonly<Record<string, Build>> = {
  dns: () => ({
    script: 'dscacheutil -flushcache\nkillall -HUP mDNSResponder\n',
    explanation: 'Empties the cache of the resolver.',
    verification: '',
  }),
  architecture: () => ({
    script: 'if [ "$(uname -m)" = arm64 ]; then softwareupdate --install-rosetta --agree-to-license; fi\n',
    explanation: 'Installs Rosetta, so that programs for Intel run on Apple Silicon.',
    verification: 'test "$(uname -m)" != arm64 || arch -x86_64 /usr/bin/true\n',
  }),
  port_in_use: (failure) => {
    const port = portOf(failure);
    if (port === undefined) return undefined;
    return {
      script: `pids=$(lsof -t -iTCP:${port} -sTCP:LISTEN)\n[ -z "$pids" ] && exit 0\nps -p "$(echo $pids | tr ' ' ',')"\nkill $pids\nsleep 3\n`,
      explanation: `Asks the program that holds port ${port} to end, and shows which one it was. Check first that it may.`,
      verification: `test -z "$(lsof -t -iTCP:${port} -sTCP:LISTEN)"\n`,
    };
  },
};

const REMEDIES: Readonly<Record<Platform, Readonly<Record<string, Build>>>> = {
  linux: LINUX,
  windows: WINDOWS,
  macos: MACOS,
};

/** What helps against one topic of the rules on the failure's platform, where a script can. */
export function remedyFor(topic: string | undefined, failure: Failure): Remedy | undefined {
  return topic === undefined ? undefined : REMEDIES[failure.platform][topic]?.(failure);
}
