import type { DescriptionOf, PackageFormat } from '../../contracts/packaging-pipeline/description.ts';

export type ScriptName = 'pre_install' | 'post_install' | 'pre_remove' | 'post_remove';
export const SCRIPT_NAMES: readonly ScriptName[] = [
  'pre_install',
  'post_install',
  'pre_remove',
  'post_remove',
];

/** Where systemd does not run, as in images, units are only put there. */
const withSystemd = (lines: readonly string[]): string =>
  ['if [ -d /run/systemd/system ]; then', ...lines.map((line) => `  ${line}`), 'fi'].join('\n');

/** dpkg says what it is about in a word, rpm counts the versions that will be left. */
const ifRemoved = (format: PackageFormat, body: string): string => {
  const condition = format === 'rpm' ? '[ "$1" = 0 ]' : '[ "$1" = remove ]';
  return `if ${condition}; then\n${body}\nfi`;
};

function linuxServices(format: 'deb' | 'rpm', names: readonly string[]): Partial<Record<ScriptName, string>> {
  if (names.length === 0) return {};
  const units = names.map((name) => `'${name}.service'`).join(' ');
  return {
    post_install: withSystemd([
      'systemctl daemon-reload || :',
      `systemctl enable ${units} || :`,
      `systemctl restart ${units} || :`,
    ]),
    pre_remove: ifRemoved(format, withSystemd([`systemctl disable --now ${units} || :`])),
    post_remove: withSystemd(['systemctl daemon-reload || :']),
  };
}

function macServices(names: readonly string[]): Partial<Record<ScriptName, string>> {
  if (names.length === 0) return {};
  const load = names.map((name) => {
    const job = `'${name}'`;
    return `launchctl bootout system/${job} 2>/dev/null || :\nlaunchctl bootstrap system /Library/LaunchDaemons/${job}.plist || :`;
  });
  // Only into the running system, not into one on another volume.
  return { post_install: `if [ "$3" = / ]; then\n${load.join('\n')}\nfi` };
}

/** Runs the description's script in a shell of its own, so that its `exit` does not skip what follows. */
function joined(own: string | undefined, ours: string | undefined, oursFirst: boolean): string | undefined {
  const body = own?.replace(/^#![^\n]*\n/, '');
  const interpreter = /^#!([^\n]*)\n/.exec(own ?? '')?.[1]?.trim() ?? '/bin/sh';
  if (ours === undefined) return body === undefined ? undefined : `#!${interpreter}\n${body}\n`;
  if (body === undefined) return `#!/bin/sh\n${ours}\n`;
  const guarded = `(\n${body}\n) || exit $?`;
  return `#!${interpreter}\n${(oursFirst ? [ours, guarded] : [guarded, ours]).join('\n')}\n`;
}

/** The scripts that go into a package: the description's, with what its services need. They are POSIX shell. */
export function packageScripts(
  description: DescriptionOf<'deb'> | DescriptionOf<'rpm'> | DescriptionOf<'pkg'>,
): Partial<Record<ScriptName, string>> {
  const names = description.services.map(({ name }) => name);
  const ours = description.format === 'pkg' ? macServices(names) : linuxServices(description.format, names);
  const own: Partial<Record<ScriptName, string | undefined>> = description.scripts;
  const scripts: Partial<Record<ScriptName, string>> = {};
  for (const name of SCRIPT_NAMES) {
    const script = joined(own[name], ours[name], name === 'pre_remove');
    if (script !== undefined) scripts[name] = script;
  }
  return scripts;
}
