import type { PackageDescription } from '../../contracts/packaging-pipeline/description.ts';
import type { Service } from '../../contracts/packaging-pipeline/description-parts.ts';
import { element, escapeXml } from './xml.ts';

interface TextFile {
  readonly to: string;
  readonly content: string;
  readonly mode: string;
  readonly config: boolean;
}

/** One word of a systemd command line. `%` and `$` would be expanded. */
const systemdWord = (word: string): string =>
  `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;

function systemdUnit(service: Service): TextFile {
  const lines = [
    '[Unit]',
    `Description=${service.description.replaceAll('%', '%%')}`,
    'After=network.target',
    '',
    '[Service]',
    `ExecStart=${[service.program, ...service.arguments].map(systemdWord).join(' ')}`,
    ...(service.user === undefined ? [] : [`User=${service.user}`]),
    `Restart=${service.restart ? 'on-failure' : 'no'}`,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ];
  return {
    to: `/usr/lib/systemd/system/${service.name}.service`,
    content: lines.join('\n'),
    mode: '0644',
    config: false,
  };
}

function launchdJob(service: Service): TextFile {
  const words = [service.program, ...service.arguments].map((word) => element('string', {}, escapeXml(word)));
  const content = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>Label</key><string>${escapeXml(service.name)}</string>
<key>ProgramArguments</key><array>${words.join('')}</array>
<key>RunAtLoad</key><true/>
<key>KeepAlive</key><${service.restart}/>
${service.user === undefined ? '' : `<key>UserName</key><string>${service.user}</string>\n`}</dict></plist>
`;
  return { to: `/Library/LaunchDaemons/${service.name}.plist`, content, mode: '0644', config: false };
}

/** The files that make services known to their system; Windows keeps them in the package's tables instead. */
export function serviceFiles(description: PackageDescription): TextFile[] {
  switch (description.format) {
    case 'deb':
    case 'rpm':
      return description.services.map(systemdUnit);
    case 'pkg':
      return description.services.map(launchdJob);
    case 'msi':
      return [];
  }
}
