import { isRegistry, isRegistryRoot } from '../commands/paths.ts';
import { partOf } from '../parts.ts';
import { lineRules, type Rule } from './rule.ts';

const traces = lineRules('traces_removed', [
  [
    /^wevtutil\s+(?:cl|clear-log|sl\b.*\/e:false|um)\b|^(?:clear|remove|limit)-eventlog\b|^auditpol\s+\/(?:clear|remove|set\b.*(?:disable))/,
    'Clears the system’s log',
  ],
  [
    /^history\s+-\w*c|^(?:unset|export|set)\s+histfile|^clear-history\b|^set-psreadlineoption\b.*savenothing|^log\s+erase|^(?:kill\s+-9\s+\$\$)$/,
    'Hides what was done',
  ],
  [
    /^(?:rm|del|remove-item|ri|shred|truncate|cp|ln)\b.*(?:\.(?:bash|zsh)_history|consolehost_history|\/var\/log\/(?:wtmp|btmp|lastlog|auth\.log|secure|syslog|messages|audit\/\S*|journal\/?\*?|\*)(?:\s|$)|\\winevt\\logs)/,
    'Deletes the system’s log',
  ],
  [/^journalctl\b.*--vacuum-(?:size=[01][bk]?\b|time=[01]s\b|files=0)/, 'Clears the system’s log'],
  [/^(?:fsutil\s+usn\s+deletejournal)/, 'Deletes the journal of a disk'],
]);

const logFiles: Rule = ({ redirects, name }) =>
  redirects.some(
    ({ operator, target }) =>
      operator === '>' &&
      /^\/var\/log\/(?:auth\.log|secure|syslog|messages|wtmp|btmp|lastlog|audit\/)|_history$|^\/proc\/sysrq-trigger$/.test(
        target,
      ),
  ) && name !== 'sysctl'
    ? { code: 'traces_removed', message: 'Empties the system’s log' }
    : undefined;

const ends = lineRules('shutdown', [
  [
    /^(?:halt|poweroff|pm-suspend|pm-hibernate)\b|^init\s+[06]\b|^telinit\s+[06]\b|^systemctl\s+(?:-\S+\s+)*(?:poweroff|halt|kexec|suspend|hibernate|emergency|rescue)\b/,
    'Turns the machine off',
  ],
  [
    /^shutdown\b(?!.*\s(?:-\w*[rck]\w*(?:\s|$)|\/[rgaeil?](?:\s|$)|--(?:reboot|help|show)))\s+\S/,
    'Turns the machine off',
  ],
  [
    /^(?:stop-computer|stop-vm|suspend-computer)\b|^wmic\s+os\b.*(?:shutdown|win32shutdown)|win32shutdown/,
    'Turns the machine off',
  ],
  [/^rundll32\b.*(?:shutdownwindows|setsuspendstate)|^osascript\b.*shut down/, 'Turns the machine off'],
  [
    /^reboot\b.*\s-f|^systemctl\s+reboot\s+(?:-\w*f|--force)/,
    'Restarts the machine without ending its programs',
  ],
]);

const processes: Rule = ({ name, args, line }) => {
  const kills = { code: 'process_kill', message: 'Ends what the system cannot do without' };
  if (
    name === 'kill' &&
    args.some(
      (arg, index) =>
        (arg === '-1' && index > 0) ||
        (arg === '1' && index > 0 && /^-/.test(partOf(args, index - 1))) ||
        (arg === '1' && args.length === 1) ||
        (arg === '0' && args.length > 1),
    )
  )
    return kills;
  if (name === 'kill' && args.at(-1) === '-1') return kills;
  if (name === 'killall5') return kills;
  if (
    /^(?:killall|pkill)\b/.test(line) &&
    /\b(?:systemd|init|launchd|sshd|dbus-daemon|windowserver|loginwindow|kernel_task|networkd|networkmanager)\b|\s-u\s+root\b|\s(?:-f\s+)?(?:\.|\.\*|\*|)$/.test(
      line,
    ) &&
    !/-hup\b/.test(line)
  )
    return kills;
  if (
    /^(?:taskkill|stop-process|spps|tskill|wmic\s+process)\b/.test(line) &&
    /\b(?:csrss|lsass|wininit|winlogon|smss|services|system|svchost)(?:\.exe)?\b|(?:-name|\/im)\s+\*|\/fi\s+\S*username ne/.test(
      line,
    )
  )
    return kills;
  return undefined;
};

const registry: Rule = ({ name, args, lower, line }) => {
  if (name === 'reg' && (lower[0] === 'delete' || lower[0] === 'restore' || lower[0] === 'unload')) {
    const path = partOf(args, 1);
    const whole = !lower.some((arg) => arg === '/v' || arg === '/ve');
    if (
      lower[0] === 'restore' ||
      isRegistryRoot(path) ||
      (whole && /\\(?:currentcontrolset\\services\\(?!\w)|safeboot|lsa)(?:\\|$)/i.test(path))
    )
      return { code: 'registry_deletion', message: 'Deletes or replaces a hive of the registry' };
  }
  if (
    /^(?:remove-item|ri|rm|del|clear-item|remove-itemproperty|rp)$/.test(name) &&
    args.some((arg) => isRegistry(arg) && isRegistryRoot(arg))
  )
    return { code: 'registry_deletion', message: 'Deletes a hive of the registry' };
  return /^regini\b|^regedit\b.*\/d\b|^(?:reg\s+import|regedit(?:\s+\/s)?)\s+(?:\\\\|https?:|.*\\(?:temp|tmp|downloads|users\\public)\\)/.test(
    line,
  )
    ? { code: 'registry_deletion', message: 'Changes the registry by a file' }
    : undefined;
};

const data = lineRules('data_destruction', [
  [
    /^(?:docker|podman|nerdctl)\s+(?:system|volume|image|container|network)\s+prune\b.*(?:--volumes|\s-\w*a\w*\b|--all)|^(?:docker|podman)\s+volume\s+(?:prune|rm)\b|^(?:docker|podman)\s+(?:rm|rmi|kill|stop)\s.*\u0001|^docker\s+swarm\s+leave\s+--force/,
    'Deletes volumes, images or all containers',
  ],
  [
    /^(?:kubectl|oc)\s+delete\b.*(?:\s--all\b|\s(?:ns|namespaces?|nodes?|pv|pvc|persistentvolumes?\w*|crds?|clusterrole\w*|deploy\w*|statefulsets?|secrets?|all)(?:\s|\/|$)|\s-a\b)|^kubectl\s+drain\b.*--force|^kubeadm\s+reset|^helm\s+(?:uninstall|delete)\b/,
    'Deletes what a cluster needs',
  ],
  [
    /^(?:terraform|tofu|pulumi)\s+destroy|^aws\s+(?:s3\s+(?:rb|rm\b.*--recursive)|ec2\s+terminate|rds\s+delete|iam\s+delete|cloudformation\s+delete|dynamodb\s+delete)|^az\s+\S+\s+(?:\S+\s+)?delete\b|^gcloud\b.*\bdelete\b|^gsutil\s+-?\w*\s*rm\s+-r/,
    'Deletes what runs in a cloud',
  ],
  [
    /^(?:dropdb|dropuser|mysqladmin\b.*\bdrop\b|redis-cli\b.*\bflush(?:all|db)\b|mongo\w*\b.*dropdatabase|pg_dropcluster|etcdctl\s+(?:--\S+\s+)*del\s+(?:(?:'+|"+|\/)\s*)?--(?:prefix|from-key)|curl\b.*-x\s*delete\b.*(?:9200|_all|\/\*))/,
    'Deletes a database',
  ],
  [
    /^git\s+(?:-c\s+\S+\s+)*push\b.*(?:--force(?!-with-lease)|\s-f\b|--mirror|--delete)|^git\s+(?:filter-branch|update-ref\s+-d|reflog\s+expire\b.*--all)/,
    'Rewrites what others have',
  ],
  [/^svn\s+delete\b.*https?:|^p4\s+obliterate/, 'Deletes what others have'],
  [
    /^(?:invoke-bsod|notmyfault\w*)\b|^systemctl\s+kill\s+--signal=\S*9\s+-\.slice|^sysctl\b.*kernel\.panic/,
    'Makes the machine fail',
  ],
  [
    /^(?:wsl\s+--unregister|vagrant\s+destroy|vboxmanage\s+unregistervm\b.*--delete|virsh\s+undefine|remove-vm\b|multipass\s+delete)/,
    'Deletes a machine',
  ],
  [
    /^sysprep\b|^systemreset\b|^(?:sudo\s+)?\S*startosinstall\b|^dd\b.*of=\/dev\/(?:mem|kmem)/,
    'Sets the machine up anew',
  ],
  [
    /^(?:ip\s+link\s+(?:set\s+)?(?:dev\s+)?\S+\s+down|ifconfig\s+(?!lo\b)\S+\s+down|nmcli\s+(?:networking\s+off|radio\s+all\s+off)|networksetup\s+-set\w+enabled\s+\S+\s+off|disable-netadapter\b.*(?:\*|-confirm)|netsh\s+interface\s+set\s+interface\b.*disable|ip\s+route\s+flush|route\s+(?:-f|flush)|ip\s+addr\s+flush)/,
    'Cuts the machine off',
  ],
  [
    /^(?:gpg|openssl)\b.*(?:--symmetric|\s-c\s|enc\s+-(?:aes|e)\S*)\b.*(?:\/home|\/\*|\u0001)/,
    'Encrypts people’s files',
  ],
]);

/** Addresses and ways of the network that nothing chooses, or by which all else goes. */
const cutsOff: Rule = ({ name, args, before }) => {
  const chosen = /^(remove-net(?:ipaddress|route))$/.exec(name)?.[1];
  if (chosen === undefined) return undefined;
  const words = [...before.flatMap(({ words: [, ...rest] }) => rest), ...args];
  const selects = chosen === 'remove-netroute' ? /^-destinationprefix:?/i : /^-ipaddress:?/i;
  const named = words.some((word, index) => {
    if (!selects.test(word)) return index === 0 && /^\d+\.\d+\.\d+\.\d+(?:\/[1-9]\d?)?$/.test(word);
    const value = word.replace(selects, '') || partOf(words, index + 1);
    return !/^(?:\*|0\.0\.0\.0\/0|::\/0|)$/.test(value);
  });
  return named ? undefined : { code: 'data_destruction', message: 'Cuts the machine off' };
};

/** Takes a feature's files away as well, or restarts the machine with it: no task that fails could put it back. */
const features = lineRules('essential_package', [
  [
    /^(?:uninstall|remove)-windowsfeature\b.*\s-(?:remove|restart)\b|^disable-windowsoptionalfeature\b.*\s-remove\b|^dism\b.*\/disable-feature\b.*\/remove\b/,
    'Takes away a part of Windows for good, or restarts with it',
  ],
]);

const SQL =
  /\b(?:drop\s+(?:database|schema|table|user|role|tablespace|keyspace|owned)|truncate\s+(?:table\s+)?\w|delete\s+from\s+[\w."`[\]]+\s*(?:;|$|where\s+(?:1\s*=\s*1|true))|flushall|flushdb|dropdatabase\s*\(|db\.\w+\.(?:drop|deletemany\s*\(\s*\{\s*\}\s*\)|remove\s*\(\s*\{\s*\}\s*\))|shutdown\s+with\s+nowait|xp_cmdshell|alter\s+user\b.*(?:password|identified)|(?:create|alter)\s+(?:user|login|role)\b.*(?:superuser|password|identified)|grant\s+all\b|update\s+\w+\s+set\s+[^;]*(?:;|$)(?<!where.*))/i;

/** SQL and the words of other databases. */
export function judgeSql(text: string): { code: string; message: string } | undefined {
  const bare = text.replace(/--.*$/gm, '').replace(/\/\*[\s\S]*?\*\//g, ' ');
  return SQL.test(bare) && !/^\s*explain\b/i.test(bare)
    ? { code: 'data_destruction', message: 'Deletes or opens up data of a database' }
    : undefined;
}

export const SYSTEM_RULES: readonly Rule[] = [
  traces,
  logFiles,
  ends,
  processes,
  registry,
  data,
  cutsOff,
  features,
];
