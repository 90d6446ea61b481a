import { programName } from '../commands/model.ts';
import { reachOf } from '../commands/paths.ts';
import { partOf } from '../parts.ts';
import { lineRules, type Rule } from './rule.ts';

const SECRET_FILES =
  /\/etc\/(?:shadow|passwd|sudoers|ssh\/ssh_host|krb5\.keytab)|\.ssh(?:\/(?:id_|\*|authorized)|\/?(?:\s|$))|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|\.aws\/(?:credentials|config)|\.kube\/config|\.gnupg|\.netrc|\.docker\/config|\.git-credentials|\.pgpass|\.my\.cnf|\.bash_history|\.zsh_history|keychains?\/|login\.keychain|ntds\.dit|\\config\\(?:sam|system|security)\b|login data|cookies(?:\.sqlite)?$|\.env(?:\s|$)|\/proc\/(?:self|\d+|\*)\/environ|\/root\/|\/home\/[^/]+\/?$|wallet\.dat|\.pem\b|\.key\b|\.pfx\b|consolehost_history/i;
export const SENDERS: ReadonlySet<string> = new Set(
  'curl wget scp sftp rsync nc ncat netcat socat ftp tftp ssh mail mailx mutt sendmail rclone aws gsutil az azcopy s3cmd invoke-webrequest invoke-restmethod iwr irm send-mailmessage start-bitstransfer bitsadmin certreq telnet http https'.split(
    ' ',
  ),
);
const SENDS_DATA =
  /(?:^|\s)(?:-d|--data(?:-\w+)?|--upload-file|-t|-f|--form(?:-string)?|--post-file|--post-data|--body-file|--body-data|-infile|-body|--json)(?:[=\s@]|$)/;

/** Sends what is secret, or much of everything, to somewhere else. */
const exfiltration: Rule = ({ name, line, args, before, input, redirects }) => {
  const verdict = { code: 'exfiltration', message: 'Sends data of the machine away' };
  const away = SENDERS.has(name) || redirects.some(({ target }) => /^\/dev\/(?:tcp|udp)\//.test(target));
  if (!away) return undefined;
  const source = before.map(({ words }) => words.join(' ')).join(' ');
  if (/\b169\.254\.169\.254\b|metadata\.google\.internal/.test(source)) return verdict;
  if (SECRET_FILES.test(source) && !/^(?:ls|stat|test|grep -c)\b/.test(source)) return verdict;
  const upload = /^(?:scp|rsync|sftp|rclone|aws|gsutil|azcopy|s3cmd|az)$/.test(name)
    ? args.slice(0, -1).join(' ')
    : line;
  if (
    SECRET_FILES.test(upload) &&
    (SENDS_DATA.test(line) || !/^(?:curl|wget|http|https|ssh|invoke-\w+|iwr|irm)$/.test(name))
  )
    return verdict;
  if (/\b(?:get-childitem|gci|dir|ls)\s+env:/i.test(source)) return verdict;
  // A whole folder of the system or of somebody that is copied to another machine.
  if (
    /^(?:scp|rsync|rclone|azcopy|aws|gsutil|s3cmd)$/.test(name) &&
    /^(?:[\w.@-]{2,}::?|\w{2,}:\/\/)/.test(args.at(-1) ?? '') &&
    args.slice(0, -1).some((arg) => /^[/~]/.test(arg) && reachOf(arg, undefined, true) === 'critical')
  )
    return verdict;
  if (/^(?:ssh|scp|sftp|rsync)$/.test(name)) return undefined;
  // Whatever comes through a pipe and leaves by a sender is data of this machine.
  const producer = programName(before.at(-1)?.words[0] ?? '');
  if (
    /^(?:grep|egrep|fgrep|zgrep|rg|strings|awk|ps|journalctl|dmesg|select-string|out-string|cmdkey|systeminfo|ipconfig|netstat|ss|tar|zip|7z|gzip|cat|env|printenv|history|dd|find|mysqldump|pg_dump|pg_dumpall|sqlite3|base64|xxd|reg|get-content|gc|get-clipboard|compress-archive|mongodump)$/.test(
      producer,
    ) &&
    (SENDS_DATA.test(line) ||
      /^(?:nc|ncat|netcat|socat|ftp|mail|mailx|telnet|invoke-restmethod|irm|invoke-webrequest|iwr)$/.test(
        name,
      ))
  )
    return verdict;
  if (
    /(?:^|\s)(?:--data(?:-\w+)?|-d|-f|-body|--post-data|--json)[=\s]\S*(?:\$\(|\u0001)/i.test(line) &&
    /(?:env|passwd|shadow|history|hostname|whoami)/.test(input)
  )
    return verdict;
  return undefined;
};

/** A search that sends each file that it finds. */
const sendsFound: Rule = ({ name, args, line }) => {
  const at = args.findIndex((arg) => /^-(?:exec|execdir|ok)$/.test(arg));
  if (name !== 'find' || at === -1 || !SENDERS.has(programName(partOf(args, at + 1)))) return undefined;
  const wide = args
    .slice(0, at)
    .some((arg) => /^[/~]/.test(arg) && reachOf(arg, undefined, true) === 'critical');
  return SENDS_DATA.test(line) && (wide || SECRET_FILES.test(line))
    ? { code: 'exfiltration', message: 'Sends data of the machine away' }
    : undefined;
};

const reverse = lineRules('reverse_shell', [
  [
    /^(?:nc|ncat|netcat)\b.*(?:\s-\w*[ec]\w*\s*(?:\/?\S*(?:sh|cmd|powershell))|--(?:exec|sh-exec)\b)/,
    'Gives a shell to another machine',
  ],
  [/^socat\b.*exec:/, 'Gives a shell to another machine'],
  [/\/dev\/(?:tcp|udp)\/[^/\s]+\/\d+/, 'Talks to another machine past all tools'],
  [
    /^(?:ngrok|chisel|frpc|cloudflared\s+tunnel|bore|localtunnel|tailscale\s+funnel|ssh\b.*\s-\w*r\w*\s*\S*\d+:\S+:\d+)/,
    'Opens a way in past the firewall',
  ],
  [/^(?:xmrig|minerd|cpuminer|nbminer|ethminer|t-rex)\b|stratum\+tcp:/, 'Mines coins'],
  [/^nc\b.*\s-\w*l\w*p?\s*\d+\b.*(?:sh|bash)/, 'Waits for another machine’s shell'],
]);

const redirectsToNetwork: Rule = ({ redirects, name }) =>
  redirects.some(({ target }) => /^\/dev\/(?:tcp|udp)\//.test(target)) &&
  /^(?:sh|bash|zsh|exec|dash|ksh|:|cat|python\d?|perl)$/.test(name)
    ? { code: 'reverse_shell', message: 'Gives a shell to another machine' }
    : undefined;

/** Programs of the system that fetch or run what is not theirs. */
const borrowed = lineRules('download_and_run', [
  [/^mshta\b(?!\s*$)/, 'Runs a script from elsewhere through a program of the system'],
  [
    /^regsvr32\b.*(?:\/i:\S*(?:https?:|\\\\)|scrobj)/,
    'Runs a script from elsewhere through a program of the system',
  ],
  [
    /^rundll32\b.*(?:javascript:|https?:|url\.dll|,fileprotocolhandler|\\\\[^\\]+\\|\\(?:temp|tmp|users\\public|downloads|appdata)\\|comsvcs|advpack|ieadvpack|shdocvw|zipfldr|pcwutl)/,
    'Runs a script from elsewhere through a program of the system',
  ],
  [
    /^(?:certutil|certutil\.exe)\b.*[-/](?:urlcache|verifyctl|url)\b/,
    'Downloads through a program that is not made for it',
  ],
  [/^certutil\b.*[-/](?:decode|decodehex|encode)\b/, 'Unpacks what is hidden in a text'],
  [
    /^bitsadmin\b.*\/(?:transfer|addfile|setnotifycmdline|create)/,
    'Downloads through a program that is not made for it',
  ],
  [/^(?:wmic)\b.*(?:\/format:\S*https?:|process\s+call\s+create)/, 'Starts a program past all watching'],
  [/^(?:msiexec)\b.*(?:https?:\/\/|\\\\\d|ftp:)/, 'Installs a package straight from an address'],
  [
    /^(?:cscript|wscript)\b.*(?:https?:|\\\\|\\(?:temp|tmp|users\\public|appdata|downloads)\\|\/\/e:)/,
    'Runs a script from where anybody may write',
  ],
  [
    /^(?:installutil|regasm|regsvcs|msbuild|cmstp|odbcconf|hh|ieexec|pcalua|presentationhost|xwizard|infdefaultinstall|syncappvpublishingserver|desktopimgdownldr|esentutl|extrac32|makecab|findstr\s.*\\\\.*>|forfiles)\b.*(?:https?:|\\\\|\\(?:temp|tmp|public|appdata|downloads)\\|\.inf|\.sct)/,
    'Runs or fetches what is not its own through a program of the system',
  ],
  [
    /^(?:pip3?|python3?\s+-m\s+pip)\s+install\b.*(?:--index-url|--extra-index-url|-i|git\+http|https?:)\s*\S*\d+\.\d+\.\d+\.\d+/,
    'Installs from a nameless machine',
  ],
  [/^(?:npx|bunx|pnpm\s+dlx|uvx|pipx\s+run)\b.*https?:/, 'Runs a package straight from an address'],
]);

export const NETWORK_RULES: readonly Rule[] = [
  exfiltration,
  sendsFound,
  reverse,
  redirectsToNetwork,
  borrowed,
];
