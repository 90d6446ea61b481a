/** An allow list: whatever secrets the agent was started with, its tasks do not see them. */
const ALLOWED = new Set(
  `PATH HOME USER LOGNAME SHELL LANG LC_ALL LC_CTYPE TZ TMPDIR TEMP TMP SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT
  PROGRAMDATA PROGRAMFILES PROGRAMFILES(X86) PROGRAMW6432 USERPROFILE USERNAME APPDATA LOCALAPPDATA PUBLIC
  NUMBER_OF_PROCESSORS PROCESSOR_ARCHITECTURE PSMODULEPATH HTTP_PROXY HTTPS_PROXY NO_PROXY`.split(/\s+/),
);
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The environment of programs that the agent starts, from its own. */
export function childEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
): Record<string, string> {
  const child: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && ALLOWED.has(name.toUpperCase())) child[name] = value;
  }
  if (platform !== 'win32') {
    // Package managers need the sbin folders, which services and cron jobs often lack.
    child['PATH'] = [...new Set([...(child['PATH'] ?? '').split(':'), ...SYSTEM_PATH.split(':')])]
      .filter((part) => part !== '')
      .join(':');
  }
  return child;
}
