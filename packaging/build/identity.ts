import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import {
  type DescriptionOf,
  fullVersion,
  type PackageDescription,
} from '../../contracts/packaging-pipeline/description.ts';
import type { ToolContext } from '../context.ts';
import { refused } from '../errors.ts';
import { XarArchive } from '../flat-package/xar-reader.ts';
import { runTool } from '../tools/run-tool.ts';

/** Empty where a package does not say. */
interface Identity {
  readonly name: string;
  readonly version: string;
  /** On Windows, where the name is a GUID: what people are shown, and agents know it by. */
  readonly shown?: string;
}

/** Of a name and a version, a line each. */
function twoLines(stdout: string): Identity {
  const end = stdout.indexOf('\n');
  return { name: stdout.slice(0, end), version: stdout.slice(end + 1).trimEnd() };
}

async function debIdentity(ctx: ToolContext, file: string): Promise<Identity> {
  const format = '--showformat=$' + '{Package}\n$' + '{Version}\n';
  const { stdout } = await runTool(ctx, 'dpkg-deb', ['--show', format, file], { quiet: true });
  return twoLines(stdout);
}

async function rpmIdentity(ctx: ToolContext, file: string): Promise<Identity> {
  const format = '%{NAME}\n%{VERSION}-%{RELEASE}\n';
  const { stdout } = await runTool(ctx, 'rpm', ['-qp', '--nosignature', '--queryformat', format, file], {
    quiet: true,
  });
  return twoLines(stdout);
}

async function msiIdentity(ctx: ToolContext, file: string): Promise<Identity> {
  const { stdout } = await runTool(ctx, 'msiinfo', ['export', file, 'Property'], { quiet: true });
  const properties = new Map(
    stdout.split(/\r?\n/).map((line): [string, string] => {
      const end = line.indexOf('\t');
      return [line.slice(0, end), line.slice(end + 1)];
    }),
  );
  return {
    name: properties.get('UpgradeCode') ?? '',
    version: properties.get('ProductVersion') ?? '',
    shown: properties.get('ProductName') ?? '',
  };
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseAttributeValue: false,
});

const MAX_INFO_BYTES = 2 ** 20;
const packageInfo = z.object({
  'pkg-info': z.object({ identifier: z.string().default(''), version: z.string().default('') }),
});

/** What a file claims of its size says nothing of what it unpacks to. */
async function bounded(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let left = MAX_INFO_BYTES;
  for await (const part of content) {
    left -= part.length;
    if (left < 0) throw new Error(`It has more than ${MAX_INFO_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

async function pkgIdentity(file: string): Promise<Identity> {
  const archive = await XarArchive.open(file);
  const info = archive.files.find(({ path }) => path === 'PackageInfo' || path.endsWith('/PackageInfo'));
  if (info === undefined) return { name: '', version: '' };
  try {
    const xml = await bounded(archive.content(info));
    const { identifier, version } = packageInfo.parse(parser.parse(xml))['pkg-info'];
    return { name: identifier, version };
  } catch (error) {
    throw refused('unreadable', 'The macOS package’s PackageInfo is not understood', error);
  }
}

const msiExpected = ({ upgrade_code, version, product_name }: DescriptionOf<'msi'>): Identity => ({
  name: `{${upgrade_code}}`,
  version,
  ...(product_name === undefined ? {} : { shown: product_name }),
});

async function expectedAndFound(
  ctx: ToolContext,
  file: string,
  description: PackageDescription,
): Promise<readonly [Identity, Identity]> {
  const { name, version } = description;
  switch (description.format) {
    case 'deb':
      return [{ name, version: fullVersion(description) }, await debIdentity(ctx, file)];
    case 'rpm':
      return [{ name, version: fullVersion(description) }, await rpmIdentity(ctx, file)];
    case 'msi':
      return [msiExpected(description), await msiIdentity(ctx, file)];
    case 'pkg':
      return [{ name: description.identifier, version }, await pkgIdentity(file)];
  }
}

/** Asks a package who it is. @throws PackagingError `source-refused` when it is not what the description says */
export async function checkIdentity(
  ctx: ToolContext,
  file: string,
  description: PackageDescription,
): Promise<void> {
  const [expected, found] = await expectedAndFound(ctx, file, description);
  const shown = expected.shown ?? description.name;
  // What is installed is found, replaced and taken away by this name.
  if (found.shown !== undefined && found.shown !== shown)
    throw refused(
      'wrong-package',
      `Windows shows the package as ${found.shown}, not as ${shown}: set product_name to what it shows`,
    );
  if (
    // Agents will ask their machines by this very name; GUIDs are one however they are written.
    (description.format === 'msi'
      ? expected.name.toLowerCase() === found.name.toLowerCase()
      : expected.name === found.name) &&
    expected.version === found.version
  )
    return;
  throw refused(
    'wrong-package',
    `The package says that it is ${found.name} ${found.version}, the description ${expected.name} ${expected.version}`,
  );
}
