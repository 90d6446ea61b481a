import { reachOf } from '../commands/paths.ts';
import { lineRules, type Rule } from './rule.ts';

const SWEEP = {
  code: 'permission_sweep',
  message: 'Changes the rights of a whole system or opens them to everybody',
};

const permissions: Rule = ({ name, args, lower, directory }) => {
  if (/^(?:chmod|chown|chgrp|setfacl|chattr|xattr|chflags)$/.test(name)) {
    const recursive = args.some((arg) => /^(?:-[a-z]*R[a-z]*|--recursive)$/i.test(arg) && /r/i.test(arg));
    const mode = name === 'chmod' ? args.find((arg) => /^[-+=][rwxXst]+$/.test(arg)) : undefined;
    const paths = args
      .filter((arg) => !/^[-+]/.test(arg))
      .slice(/^(?:xattr|setfacl|chattr)$/.test(name) || mode !== undefined ? 0 : 1);
    if (
      recursive &&
      paths.some(
        (path) =>
          reachOf(path, directory, true) !== 'narrow' &&
          !(name === 'xattr' && path.startsWith('/Applications/')),
      )
    )
      return SWEEP;
    const opens =
      name === 'chmod' &&
      args.some((arg) => /^(?:0?[0-7]?[0-7][0-7][2367]|[ao]*\+[rx]*w[rwx]*|a=rwx|ugo[+=]rwx)$/.test(arg));
    if (
      opens &&
      paths.some(
        (path) =>
          reachOf(path, directory, false) === 'critical' ||
          /^\/(?:etc|usr|bin|sbin|lib|boot|root|var)?\/?$/.test(path) ||
          /^\/etc\/(?:sudoers|cron)/.test(path),
      )
    )
      return SWEEP;
    const setuid =
      name === 'chmod' &&
      args.some(
        (arg) =>
          /^(?:[0-7]?[4-7][0-7]{3}|[ugo]*\+[rwx]*s[rwx]*)$/.test(arg) &&
          !/^0?[0-7]{3}$/.test(arg) &&
          !/^[1-3]\d{3}$/.test(arg),
      );
    if (setuid) return { code: 'privilege_escalation', message: 'Lets a program run as its owner' };
    if (
      name === 'chmod' &&
      args.some((arg) => /^(?:-x|a-x|0?000|ugo-rwx|a-rwx)$/.test(arg)) &&
      paths.some((path) => reachOf(path, directory, recursive) === 'critical')
    )
      return SWEEP;
    return name === 'chattr' &&
      args.some((arg) => /^\+\w*i/.test(arg)) &&
      paths.some((path) => reachOf(path, directory, true) === 'critical')
      ? SWEEP
      : undefined;
  }
  if (name === 'attrib')
    return lower.some((arg) => /^\+[hsr]/.test(arg)) &&
      args.some((arg) => /^[a-z]:|\\/i.test(arg) && reachOf(arg, directory, true) === 'critical')
      ? SWEEP
      : undefined;
  if (/^(?:icacls|cacls|xcacls|takeown|subinacl)$/.test(name)) {
    const paths = args.filter((arg) => /^[a-z]:|\\/i.test(arg) && !/^\/\w+:/.test(arg));
    const wide = paths.some((path) => reachOf(path, directory, true) === 'critical');
    const changes =
      name === 'takeown' || lower.some((arg) => /^\/(?:grant|deny|reset|setowner|remove|g|p|e)/.test(arg));
    return wide &&
      changes &&
      lower.some((arg) => /^\/(?:t|r|s)$/.test(arg) || /everyone|s-1-1-0|users/.test(arg))
      ? SWEEP
      : undefined;
  }
  return undefined;
};

const protection = lineRules('security_disabled', [
  [
    /^set-mppreference\b.*-(?:disable\w+|exclusion\w+|puaprotection|mapsreporting|submitsamplesconsent|\w*threatdefaultaction|enablecontrolledfolderaccess|attacksurface\w*)(?!\s+(?:\$?false|0\b|enabled))/,
    'Weakens Windows Defender',
  ],
  [
    /^add-mppreference\b.*-(?:exclusion|attacksurface|controlledfolder)|^remove-mpthreat|^uninstall-windowsfeature\s.*defender|^mpcmdrun\b.*-removedefinitions/,
    'Weakens Windows Defender',
  ],
  [
    /^set-netfirewallprofile\b.*-enabled\s+(?:\S*false|0|\u0001)|^(?:disable|remove)-netfirewallrule\b(?!.*-(?:displayname|name)\s+\S)|^netsh\s+advfirewall\s+(?:set\s+\w+\s+state\s+off|reset)|^netsh\s+firewall\s+set\s+opmode\s.*disable|^netsh\s+advfirewall\s+set\s+\w+\s+firewallpolicy\s+allowinbound/,
    'Turns the firewall off',
  ],
  [
    /^(?:ufw\s+(?:--force\s+)?(?:disable|reset|default\s+allow)|iptables\s+(?:-\w+\s+\S+\s+)*(?:-f|--flush|-x)\b|ip6?tables\s+-p\s+input\s+accept|nft\s+flush\s+ruleset|pfctl\s+-d|socketfilterfw\b.*--setglobalstate\s+off|.*socketfilterfw\s+--setglobalstate\s+off)/,
    'Turns the firewall off',
  ],
  [
    /^(?:systemctl|service|rc-service)\s+(?:--now\s+)?(?:stop|disable|mask|kill)\s+(?:--now\s+)?\S*(?:firewalld|ufw|nftables|iptables|apparmor|auditd|clamav|clamd|falcon|crowdstrike|sentinel|mdatp|osquery|wazuh|fail2ban|rsyslog|syslog|cbdaemon|cylance|ds_agent|eset|sophos)|^service\s+\S*(?:firewalld|ufw|iptables|apparmor|auditd|clamd|falcon\S*|mdatp|wazuh\S*|rsyslog|syslog)\s+stop/,
    'Stops what protects the machine',
  ],
  [
    /^(?:sc\s+(?:\\\\\S+\s+)?(?:stop|config|delete|pause|sdset|failure)|net1?\s+stop|stop-service|set-service|spsv|remove-service|wmic\s+service)\b(?!.*(?:start= ?(?:auto|demand|delayed)|\bautomatic\b|-status running)).*\b(?:windefend|wdnissvc|wdfilter|sense|mpssvc|bfe|wscsvc|securityhealthservice|eventlog|vss|sdrsvc|csfalconservice|sentinelagent|carbonblack|cylancesvc|mcshield|ekrn|savservice|sysmon\w*|defender)\b/,
    'Stops what protects the machine',
  ],
  [
    /^(?:setenforce\s+(?:0|permissive)|semodule\s+-d|aa-(?:disable|teardown|complain)|apparmor_parser\s.*(?:-r\b|--remove)\S*\s*\S*\*|fltmc\s+unload|semanage\s+permissive|auditctl\s+-(?:e\s*0|d)\b|sysctl\s.*(?:randomize_va_space=0|kptr_restrict=0|yama\.ptrace_scope=0))/,
    'Turns off what confines programs',
  ],
  [
    /^spctl\b.*--(?:master|global)-disable|^csrutil\s+(?:disable|authenticated-root\s+disable)|^(?:defaults\s+write\s.*lsquarantine|tccutil\s+reset\s+all)/,
    'Turns off what protects macOS',
  ],
  [
    /^(?:kill|killall|pkill|taskkill|stop-process|spps)\b.*\b(?:msmpeng|falcon-sensor|falconctl|csfalcon\w*|auditd|mdatp|sentinelagent|clamd|osqueryd|wdavdaemon|securityhealth\w*|sysmon\w*)/,
    'Stops what protects the machine',
  ],
  [/^set-executionpolicy\b(?!.*\bprocess\b).*(?:unrestricted|bypass)/, 'Lets any script run from now on'],
  [
    /^(?:reg\s+add|set-itemproperty|new-itemproperty|sp)\b.*(?:disableantispyware|disablerealtimemonitoring|disableantivirus|enablelua|consentpromptbehavioradmin|disabletaskmgr|disableregistrytools|fdenytsconnections|limitblankpassworduse|uselogoncredential|enablefirewall|localaccounttokenfilterpolicy|disablebehaviormonitoring|runasppl|enablesmartscreen|amsienable|tamperprotection|scriptblocklogging|enablescriptblocklogging)/,
    'Weakens what protects the machine',
  ],
  [/^(?:dism|disable-windowsoptionalfeature)\b.*(?:windows-defender|defender)/, 'Removes Windows Defender'],
  [
    /^(?:export|declare|setx?|env)\b.*(?:node_tls_reject_unauthorized\s*[= ]\s*["']?0|pythonhttpsverify\s*[= ]\s*["']?0|git_ssl_no_verify\s*[= ]\s*["']?(?:1|true))|^pip3?\s+config\s+set\s.*trusted-host/,
    'Turns off the check of certificates',
  ],
  [/^launchctl\s+(?:unload|disable|bootout|remove)\b.*com\.apple\./, 'Stops a part of macOS'],
  [
    /^(?:npm\s+config\s+set|npm\s+set|yarn\s+config\s+set)\s+strict-ssl\s+false|^git\s+config\s.*http\.sslverify\s+(?:false|0)/,
    'Turns off the check of certificates',
  ],
  [
    /^certutil\b.*-(?:addstore|importpfx)\b.*\b(?:root|authroot|ca)\b|^import-certificate\b.*cert:\\localmachine\\(?:root|authroot)|^security\s+(?:add-trusted-cert|authorizationdb\s+write)|^security\s+delete-(?:keychain|certificate)/,
    'Changes whom the machine trusts',
  ],
]);

const accounts = lineRules('account_change', [
  [
    /^net1?\s+(?:user|localgroup|group|accounts)\s.*\/(?:add|delete|del|active|domain|maxpwage|lockoutthreshold)/,
    'Changes accounts or groups',
  ],
  [/^net1?\s+user\s+\S+\s+(?!\/)\S+/, 'Sets a password'],
  [
    /^(?:new|remove|set|disable|enable)-(?:localuser|localgroup|aduser|adaccountpassword|adaccount|msoluser\w*|adgroup)\b|^(?:add|remove)-(?:localgroupmember|adgroupmember|adprincipalgroupmembership)\b|^unlock-adaccount/,
    'Changes accounts or groups',
  ],
  [
    /^(?:useradd|adduser|userdel|deluser|usermod|groupadd|groupdel|groupmod|gpasswd|newusers|chpasswd|chgpasswd|vipw|vigr|visudo|chage|faillock|pam-auth-update|authselect|chsh)\b(?!.*\s(?:--help|--version|-h)$)/,
    'Changes accounts or how people log in',
  ],
  [/^passwd\b(?!\s+(?:-s|--status)\b)/, 'Sets a password'],
  [
    /^(?:dscl\b.*\s-?(?:create|delete|append|passwd|merge|change)|sysadminctl\b.*-(?:adduser|deleteuser|resetpasswordfor|secuetoken\w*)|dseditgroup\b.*-o\s+(?:edit|create|delete)|pwpolicy\b|createhomedir|defaults\s+write\s.*loginwindow\S*\s+(?:autologinuser|guestenabled\s.*(?:true|yes|1)\b)|dsenableroot|kickstart\b.*-activate)/,
    'Changes accounts or groups',
  ],
  [
    /^(?:wmic\s+useraccount\b.*(?:set|delete|rename)|cmdkey\s+\/(?:add|delete|generic)|secedit\s+\/configure|ntrights|vaultcmd|nltest\s+\/sc_change|netdom\s+(?:remove|reset\w*)|remove-computer|reset-computermachinepassword\s.*-credential)/,
    'Changes accounts or credentials',
  ],
]);

/** An account or group of a service: without a password and without the groups that may become root. */
const ofService: Rule = (seen) =>
  /^(?:useradd|adduser|addgroup|groupadd)\s(?:.*\s)?(?:--system|-[A-Zb-z]*r[a-z]*)(?:\s|$)/.test(
    [seen.name, ...seen.args].join(' '),
  ) &&
  !/\s(?:-p|--password|-o|--non-unique)(?:[\s=]|$)|\s(?:-u|--uid)[\s=]?0(?:\s|$)|\b(?:sudo|wheel|admin|root|docker|lxd|disk|shadow|adm)\b/.test(
    seen.line,
  )
    ? undefined
    : accounts(seen);

/** Files by which somebody gets in or stays. */
const DOORS =
  /authorized_keys|\/etc\/(?:sudoers|passwd|shadow|pam\.d\/|ld\.so\.preload|cron|rc\.local|profile|profile\.d\/|bash\.bashrc|init\.d\/|systemd\/system\/.*\.(?:service|timer)|xdg\/autostart)|\/var\/spool\/cron|\/(?:system\/)?library\/(?:launchdaemons|launchagents|startupitems)|\.(?:bashrc|bash_profile|profile|zshrc|zprofile|zshenv|xinitrc|config\/autostart\/.*|config\/systemd\/user\/.*)$|\\start menu\\programs\\startup|\\system32\\(?:tasks\\|grouppolicy\\)|\\windowspowershell\\v1\.0\\profile\.ps1/i;

const doors: Rule = ({ name, args, redirects }) => {
  const written = redirects.filter(({ operator }) => operator.startsWith('>')).map(({ target }) => target);
  if (
    /^(?:tee|cp|mv|ln|install|copy|move|copy-item|move-item|add-content|ac|set-content|out-file|new-item|ni|curl|wget|ditto)$/.test(
      name,
    )
  )
    written.push(...(name === 'tee' || /content|file|item|curl|wget/.test(name) ? args : args.slice(-1)));
  if (/^(?:sed|perl|ed|ex)$/.test(name) && args.some((arg) => /^-\w*i|^--in-place/.test(arg)))
    written.push(...args);
  const door = written.find((file) => DOORS.test(file));
  return door === undefined
    ? undefined
    : { code: 'persistence', message: 'Writes where programs are started or people are let in' };
};

/** Settings by which the system lets in or lets run whom it did not before. */
const WEAKENED =
  /selinux\s*=\s*(?:disabled|permissive)|permitrootlogin\s+(?:yes|without)|passwordauthentication\s+yes|permitemptypasswords\s+yes|strictmodes\s+no|hostbasedauthentication\s+yes|usepam\s+no|enforcing\s*=\s*0/i;
const SETTINGS =
  /\/etc\/(?:selinux\/config|sysconfig\/selinux|ssh\/sshd_config\S*|login\.defs|default\/grub)/;

/** A copy that runs as its owner. */
const installsSetuid: Rule = ({ name, args }) =>
  name === 'install' && /(?:^|\s)(?:-m\s?|--mode[= ])[4-7][0-7]{3}(?:\s|$)/.test(args.join(' '))
    ? { code: 'privilege_escalation', message: 'Lets a program run as its owner' }
    : undefined;

const weakens: Rule = ({ name, args, redirects, input, before }) => {
  if (/^(?:grep|cat|less|head|tail|awk|echo|printf|test|ls|diff|rg)$/.test(name) && redirects.length === 0)
    return undefined;
  const files = [...args, ...redirects.map(({ target }) => target)];
  const said = [...args, input, ...before.flatMap(({ words }) => words)].join(' ');
  return files.some((file) => SETTINGS.test(file)) &&
    WEAKENED.test(said.replace(/.*\bs([/|#,])[^\n]*?\1/, ''))
    ? { code: 'security_disabled', message: 'Weakens what protects the machine' }
    : undefined;
};

const persistence = lineRules('persistence', [
  [
    /^schtasks\b.*\/create|^(?:register|new|set)-scheduledtask\b|^register-scheduledjob|^at\s+\d/,
    'Makes a task that runs later',
  ],
  [
    /^crontab\s+(?!-l\b|-u\s+\S+\s+-l\b)\S|^crontab\s+-r|^(?:at|batch)\b.*(?:now|\+|\d:\d)/,
    'Makes or deletes tasks that run later',
  ],
  [
    /^(?:reg\s+add|set-itemproperty|new-itemproperty|sp)\b.*(?:\\run(?:once|onceex|services)?(?:\s|\\|$|")|\\winlogon\b|image file execution options|appinit_dlls|\\shell\s|\\userinit|\\active setup|silentprocessexit|\\currentversion\\policies\\explorer\\run)/,
    'Makes something start with the machine',
  ],
  [
    /^(?:sc\s+(?:\\\\\S+\s+)?(?:create|config\s.*binpath|failure\s.*command|sdset)|new-service)\b/,
    'Makes or redirects a service',
  ],
  [
    /^(?:launchctl\s+(?:load|bootstrap|submit)\b.*(?:\/tmp|\/users\/|\/private\/tmp|~)|systemctl\s+(?:enable|link)\s.*(?:\/tmp|\/dev\/shm|\/home))/,
    'Makes something start with the machine',
  ],
  [
    /__eventfilter|commandlineeventconsumer|__filtertoconsumerbinding|set-wmiinstance/,
    'Makes something start on events',
  ],
  [/^(?:update-rc\.d|chkconfig)\s+\S+\s+(?:defaults|on)\b.*\/tmp/, 'Makes something start with the machine'],
]);

const escalation = lineRules('privilege_escalation', [
  [/^setcap\b/, 'Gives a program rights of the kernel'],
  [/^(?:sudo\s+)?visudo\b/, 'Changes who may become root'],
  [
    /^(?:mimikatz|procdump(?:64)?\b.*lsass|rundll32\b.*comsvcs(?:\.dll)?\W+minidump|reg\s+(?:save|export)\s+(?:hklm|hkey_local_machine)\\(?:sam|security|system)\b(?!\\)|cmdkey\s+\/list|ntdsutil\b|pwdump|hashdump|lazagne|invoke-mimikatz|secretsdump|esentutl\b.*(?:ntds|sam))/,
    'Takes out credentials',
  ],
  [/sekurlsa::|lsadump::/, 'Takes out credentials'],
  [
    /^(?:get-content|gc|type|cat|more|copy|copy-item|cp|cpi|xcopy|robocopy|mv|move|move-item|rsync|ditto|tar|zip|7z|compress-archive|sqlite3|base64|strings|xxd)\b.*(?:\blogin data\b|\\cookies\b|logins\.json|key4\.db|\/keychains\/|keychain-db|\bntds\.dit|\\config\\(?:sam|security)\b|wallet\.dat|\/etc\/shadow)/,
    'Takes out credentials',
  ],
  [/^security\s+(?:dump-keychain|find-(?:generic|internet)-password\b.*-w|export)/, 'Takes out credentials'],
  [/^netsh\s+wlan\s.*key\s*=\s*clear|^netsh\s+wlan\s+export\s/, 'Takes out credentials'],
  [
    /^(?:curl|wget|invoke-\w+|iwr|irm|https?|fetch)\b.*(?:169\.254\.169\.254|metadata\.google\.internal|100\.100\.100\.200|fd00:ec2::254)\S*(?:security-credentials|\/token|oauth2|user-?data|identity)/,
    'Takes out credentials of the machine in its cloud',
  ],
]);

export const ACCESS_RULES: readonly Rule[] = [
  permissions,
  protection,
  ofService,
  doors,
  weakens,
  installsSetuid,
  persistence,
  escalation,
];
