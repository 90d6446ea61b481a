import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import type { DescriptionOf } from '../../contracts/packaging-pipeline/description.ts';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import { runTool } from '../tools/run-tool.ts';
import type { Layout } from './lay-out.ts';
import { type LaidOut, walk } from './walk.ts';
import { element } from './xml.ts';

type MsiDescription = DescriptionOf<'msi'>;

const ARCHITECTURES: Readonly<Record<MsiDescription['architecture'], string | undefined>> = {
  amd64: 'x64',
  all: 'x64',
  arm64: undefined,
};

/** A GUID of a name below another GUID (RFC 9562, version 5): the same product gets the same ones each time. */
export function guidOf(namespace: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const hex = hash.toString('hex').toUpperCase();
  return [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ]
    .map(([from, to]) => hex.slice(from, to))
    .join('-');
}

interface Folder {
  readonly folders: Map<string, Folder>;
  readonly files: string[];
}
const folder = (): Folder => ({ folders: new Map(), files: [] });

const RESERVED = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;
const isWindowsName = (name: string): boolean =>
  !/[<>:"|?*]/.test(name) && !/[. ]$/.test(name) && !RESERVED.test(name);

function treeOf(entries: readonly LaidOut[]): Folder {
  const root = folder();
  for (const { path, kind } of entries) {
    if (kind === 'folder') continue;
    if (!path.split('/').every(isWindowsName))
      throw new PackagingError('build-failed', `${JSON.stringify(path)} is no name that Windows allows`, {
        reason: 'windows-name',
      });
    if (kind === 'link')
      throw new PackagingError('build-failed', `${path} is a link, which Windows Installer cannot carry`, {
        reason: 'link',
      });
    let at = root;
    for (const name of path.split('/').slice(0, -1)) {
      let next = at.folders.get(name);
      if (next === undefined) {
        next = folder();
        at.folders.set(name, next);
      }
      at = next;
    }
    at.files.push(path);
  }
  return root;
}

// Not named as an attribute below: the compiler, which gives such a class an alias, would rename the attribute as well.
class Components {
  readonly #description: MsiDescription;
  readonly #layout: Layout;
  #count = 0;
  readonly ids: string[] = [];

  constructor(description: MsiDescription, layout: Layout) {
    this.#description = description;
    this.#layout = layout;
  }

  content(at: Folder): string {
    const files = at.files.map((path) => this.#component(path));
    const folders = [...at.folders].map(([Name, inner]) => {
      this.#count += 1;
      return element('Directory', { Id: `D${this.#count}`, Name }, this.content(inner));
    });
    return [...files, ...folders].join('\n');
  }

  #component(path: string): string {
    this.#count += 1;
    const Id = `C${this.#count}`;
    this.ids.push(Id);
    const file = element('File', {
      Id: `F${this.#count}`,
      Name: posix.basename(path),
      // wixl takes paths relative to its source alone.
      Source: join(basename(this.#layout.root), path),
      KeyPath: 'yes',
    });
    const services = this.#description.services.filter(({ program }) => program === path).map(serviceOf);
    const Guid = guidOf(this.#description.upgrade_code, path.toLowerCase());
    return element('Component', { Id, Guid, Win64: 'yes' }, [file, ...services].join('\n'));
  }
}

function serviceOf(service: MsiDescription['services'][number], index: number): string {
  const quoted = service.arguments.map((word) =>
    /[\s"]/.test(word) ? `"${word.replaceAll('"', '\\"')}"` : word,
  );
  const Name = service.name;
  const installed = element('ServiceInstall', {
    Id: `SI${index}${Name.replace(/[^A-Za-z0-9]/g, '_')}`,
    Name,
    DisplayName: service.description,
    Type: 'ownProcess',
    Start: 'auto',
    ErrorControl: 'normal',
    Account: service.user,
    Arguments: quoted.length === 0 ? undefined : quoted.join(' '),
  });
  const controlled = element('ServiceControl', {
    Id: `SC${index}${Name.replace(/[^A-Za-z0-9]/g, '_')}`,
    Name,
    Start: 'install',
    Stop: 'both',
    Remove: 'uninstall',
    Wait: 'yes',
  });
  return `${installed}\n${controlled}`;
}

/** The source that wixl compiles: one component a file, upgrades replace older versions. */
export async function wixSource(layout: Layout, description: MsiDescription): Promise<string> {
  const entries = await walk(layout.root);
  const tree = treeOf(entries);
  for (const { name, program } of description.services) {
    if (!entries.some(({ path, kind }) => path === program && kind === 'file'))
      throw new PackagingError(
        'build-failed',
        `${program}, the program of the service ${name}, is not installed`,
        { reason: 'missing-file' },
      );
  }
  const { name, version, manufacturer } = description;
  const UpgradeCode = description.upgrade_code.toUpperCase();
  const components = new Components(description, layout);
  const parts = (description.folder ?? name).split('/');
  const inner = parts.reduceRight(
    (content, Name, depth) =>
      element('Directory', { Id: depth === parts.length - 1 ? 'INSTALLDIR' : `P${depth}`, Name }, content),
    components.content(tree),
  );
  const directories = element(
    'Directory',
    { Id: 'TARGETDIR', Name: 'SourceDir' },
    element('Directory', { Id: 'ProgramFiles64Folder' }, inner),
  );
  const product = element(
    'Product',
    {
      Id: guidOf(UpgradeCode, `product ${version}`),
      Name: description.product_name ?? name,
      Version: version,
      Language: 1033,
      Manufacturer: manufacturer,
      UpgradeCode,
    },
    [
      element('Package', {
        InstallerVersion: 500,
        Compressed: 'yes',
        InstallScope: 'perMachine',
        Description: description.summary,
        Manufacturer: manufacturer,
        Comments: description.homepage,
      }),
      element('MajorUpgrade', { DowngradeErrorMessage: 'A newer version is already installed.' }),
      element('Media', { Id: 1, Cabinet: 'content.cab', EmbedCab: 'yes' }),
      directories,
      element(
        'Feature',
        { Id: 'Main', Level: 1 },
        components.ids.map((Id) => element('ComponentRef', { Id })).join('\n'),
      ),
    ].join('\n'),
  );
  // The compiler replaces variables; doubled, the sign is itself.
  const wix = element('Wix', { xmlns: 'http://schemas.microsoft.com/wix/2006/wi' }, product).replaceAll(
    '$',
    '$$$$',
  );
  return `<?xml version="1.0" encoding="utf-8"?>\n${wix}\n`;
}

/** Builds an msi, unsigned, into `output`. @throws PackagingError */
export async function buildWindows(
  ctx: ToolContext,
  layout: Layout,
  description: MsiDescription,
  output: string,
): Promise<void> {
  const architecture = ARCHITECTURES[description.architecture];
  if (architecture === undefined)
    throw new PackagingError(
      'build-failed',
      `Windows packages for ${description.architecture} cannot be built here; amd64 and all can`,
      { reason: 'unsupported-architecture' },
    );
  const source = join(ctx.workspace, 'package.wxs');
  await writeFile(source, await wixSource(layout, description), { mode: 0o600 });
  await runTool(ctx, 'wixl', ['--arch', architecture, '--output', output, source]);
  // wixl answers 0 for some sources that it did not understand: another program must find the tables.
  await runTool(ctx, 'msiinfo', ['suminfo', output], { quiet: true });
}
