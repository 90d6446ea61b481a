import { stat } from 'node:fs/promises';
import { z } from 'zod';
import type { Software } from '../../contracts/telemetry/telemetry.ts';
import { dpkgField } from '../deploy/deb.ts';
import type { Tools } from '../system/tools.ts';
import { storable } from '../text.ts';

const MAX_SOFTWARE = 20_000;
const DPKG_INFO = '/var/lib/dpkg/info';

function software(
  name: string,
  version: string,
  publisher?: string | null,
  installedOn?: string | null,
): Software {
  return {
    name: storable(name, 512),
    version: storable(version, 255),
    publisher: publisher ? storable(publisher, 512) : null,
    installed_on: installedOn && /^\d{4}-\d{2}-\d{2}$/.test(installedOn) ? installedOn : null,
  };
}

const dateOf = (ms: number): string | null =>
  Number.isFinite(ms) ? new Date(ms).toISOString().slice(0, 10) : null;

/** dpkg keeps no date; the list of a package's files is written when it is installed. */
async function debInstalledOn(name: string, architecture: string): Promise<string | null> {
  for (const file of [`${DPKG_INFO}/${name}.list`, `${DPKG_INFO}/${name}:${architecture}.list`]) {
    const found = await stat(file).catch(() => undefined);
    if (found !== undefined) return dateOf(found.mtimeMs);
  }
  return null;
}

async function dpkg(tools: Tools): Promise<Software[] | undefined> {
  const fields = ['db:Status-Status', 'Package', 'Version', 'Architecture', 'Maintainer'].map(dpkgField);
  const printed = await tools.output('dpkg-query', ['-W', `-f=${fields.join('\\t')}\\n`]);
  if (printed === undefined) return undefined;
  const rows = printed.split('\n').map((line) => line.split('\t'));
  const installed = rows.filter(
    ([status, name]) => status === 'installed' && name !== undefined && name !== '',
  );
  return Promise.all(
    installed.map(async ([, name = '', version = '', architecture = '', maintainer]) =>
      software(name, version, maintainer, await debInstalledOn(name, architecture)),
    ),
  );
}

async function rpm(tools: Tools): Promise<Software[] | undefined> {
  const format = '%{NAME}\\t%{VERSION}-%{RELEASE}\\t%{VENDOR}\\t%{INSTALLTIME}\\n';
  const printed = await tools.output('rpm', ['-qa', '--qf', format]);
  return printed
    ?.split('\n')
    .map((line) => line.split('\t'))
    .filter(([name]) => name !== undefined && name !== '')
    .map(([name = '', version = '', vendor, time]) =>
      software(name, version, vendor === '(none)' ? null : vendor, dateOf(Number(time) * 1_000)),
    );
}

const windowsItem = z.looseObject({
  DisplayName: z.string().min(1),
  DisplayVersion: z.string().nullish(),
  Publisher: z.string().nullish(),
  InstallDate: z.string().nullish(),
});
const UNINSTALL = [
  'HKLM:\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\*',
  'HKLM:\\Software\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\*',
];

/** Parses what ConvertTo-Json or system_profiler print; whatever does not fit is left out. */
export function parseList<T>(
  schema: z.ZodType<T>,
  json: string | undefined,
  pick: (root: unknown) => unknown,
): T[] {
  let root: unknown;
  try {
    root = JSON.parse(json ?? '[]');
  } catch {
    return [];
  }
  const picked = pick(root);
  // PowerShell prints a list of one as the one itself.
  return (Array.isArray(picked) ? picked : [picked]).flatMap((item) => {
    const parsed = schema.safeParse(item);
    return parsed.success ? [parsed.data] : [];
  });
}

async function windows(tools: Tools): Promise<Software[]> {
  const printed = await tools.powershell(
    `Get-ItemProperty ${UNINSTALL.join(',')} -ErrorAction SilentlyContinue | Where-Object DisplayName | Select-Object DisplayName,DisplayVersion,Publisher,InstallDate | ConvertTo-Json -Compress`,
  );
  return parseList(windowsItem, printed, (root) => root).map((item) =>
    software(
      item.DisplayName,
      item.DisplayVersion ?? '',
      item.Publisher,
      item.InstallDate?.replace(/^(\d{4})(\d{2})(\d{2})$/, '$1-$2-$3'),
    ),
  );
}

const macosItem = z.looseObject({
  _name: z.string().min(1),
  version: z.string().nullish(),
  obtained_from: z.string().nullish(),
  lastModified: z.string().nullish(),
});

async function macos(tools: Tools): Promise<Software[]> {
  const printed = await tools.output('system_profiler', ['-json', 'SPApplicationsDataType']);
  const pick = (root: unknown) => z.looseObject({ SPApplicationsDataType: z.unknown() }).safeParse(root).data;
  const items = parseList(macosItem, printed, (root) => pick(root)?.SPApplicationsDataType ?? []);
  return items.map((item) =>
    software(item._name, item.version ?? '', item.obtained_from, item.lastModified?.slice(0, 10)),
  );
}

/** What is installed, sorted by name; empty where the system has no way to tell. */
export async function installedSoftware(tools: Tools): Promise<Software[]> {
  let list: Software[];
  if (tools.platform === 'win32') list = await windows(tools);
  else if (tools.platform === 'darwin') list = await macos(tools);
  else list = (await dpkg(tools)) ?? (await rpm(tools)) ?? [];
  return list.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, MAX_SOFTWARE);
}
