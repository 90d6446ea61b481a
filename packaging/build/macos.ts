import { createWriteStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { DescriptionOf } from '../../contracts/packaging-pipeline/description.ts';
import type { ToolContext } from '../context.ts';
import { writeBom } from '../flat-package/bom-writer.ts';
import { writeCpio } from '../flat-package/cpio-writer.ts';
import { storedFile, writeXar } from '../flat-package/xar-writer.ts';
import type { Layout } from './lay-out.ts';
import { packageScripts } from './scripts.ts';
import { type LaidOut, walk } from './walk.ts';
import { element, escapeXml } from './xml.ts';

type PkgDescription = DescriptionOf<'pkg'>;

const HOST_ARCHITECTURES = { amd64: 'x86_64', arm64: 'arm64', all: 'x86_64,arm64' } as const;
const XML = '<?xml version="1.0" encoding="utf-8"?>\n';

function modesOf(layout: Layout): (entry: LaidOut) => number {
  return (entry) => {
    if (entry.kind !== 'file') return 0o755;
    const { mode } = layout.attributesOf(entry.path);
    if (mode !== undefined) return Number.parseInt(mode, 8);
    return entry.executable ? 0o755 : 0o644;
  };
}

function packageInfo(description: PkgDescription, files: number, kilobytes: number, scripts: string): string {
  return `${XML}${element(
    'pkg-info',
    {
      'format-version': 2,
      identifier: description.identifier,
      version: description.version,
      'install-location': '/',
      auth: 'root',
      'overwrite-permissions': 'true',
      relocatable: 'false',
    },
    `${element('payload', { numberOfFiles: files, installKBytes: kilobytes })}${scripts}`,
  )}\n`;
}

function distribution(description: PkgDescription, component: string, kilobytes: number): string {
  const { identifier: id, version } = description;
  const parts = [
    element('title', {}, escapeXml(description.summary)),
    element('options', {
      customize: 'never',
      'require-scripts': 'false',
      hostArchitectures: HOST_ARCHITECTURES[description.architecture],
    }),
    '<domains enable_localSystem="true"/>',
    element(
      'volume-check',
      {},
      element('allowed-os-versions', {}, element('os-version', { min: description.minimum_os })),
    ),
    element('choices-outline', {}, element('line', { choice: 'default' }, element('line', { choice: id }))),
    element('choice', { id: 'default' }),
    element('choice', { id, visible: 'false' }, element('pkg-ref', { id })),
    element(
      'pkg-ref',
      { id, version, onConclusion: 'none', installKBytes: kilobytes, auth: 'root' },
      `#${component}`,
    ),
  ];
  return `${XML}${element('installer-gui-script', { minSpecVersion: 2 }, parts.join(''))}\n`;
}

/** Builds a flat package with one component, unsigned, into `output`. @throws PackagingError */
export async function buildMacos(
  ctx: ToolContext,
  layout: Layout,
  description: PkgDescription,
  output: string,
): Promise<void> {
  const folder = join(ctx.workspace, 'flat-package');
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'scripts'), { recursive: true, mode: 0o700 });
  const put = async (name: string, content: string | Buffer): Promise<string> => {
    await writeFile(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const archive = async (name: string, chunks: AsyncIterable<Buffer>): Promise<string> => {
    const file = join(folder, name);
    // Without a time of its own: the same content is the same bytes.
    await pipeline(Readable.from(chunks), createGzip(), createWriteStream(file, { mode: 0o600 }), {
      signal: ctx.signal,
    });
    return file;
  };
  ctx.progress('writing the macOS package');
  const entries = await walk(layout.root);
  const modeOf = modesOf(layout);
  const bytes = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0);
  const kilobytes = Math.ceil(bytes / 1_024);
  const component = `${description.name}.pkg`;
  const members: [string, string][] = [];

  const texts = packageScripts(description);
  const scripts = (
    [
      ['preinstall', texts.pre_install],
      ['postinstall', texts.post_install],
    ] as const
  ).filter(([, content]) => content !== undefined);
  let listed = '';
  if (scripts.length > 0) {
    const place = join(folder, 'scripts');
    for (const [name, content] of scripts) await writeFile(join(place, name), content ?? '', { mode: 0o755 });
    listed = element('scripts', {}, scripts.map(([name]) => element(name, { file: `./${name}` })).join(''));
    members.push([
      'Scripts',
      await archive(
        'Scripts',
        writeCpio(place, await walk(place), () => 0o755),
      ),
    ]);
  }
  members.push(
    ['Bom', await put('Bom', await writeBom(layout.root, entries, modeOf))],
    [
      'PackageInfo',
      await put('PackageInfo', packageInfo(description, entries.length + 1, kilobytes, listed)),
    ],
    ['Payload', await archive('Payload', writeCpio(layout.root, entries, modeOf))],
  );
  const distributionFile = await put('Distribution', distribution(description, component, kilobytes));
  await writeXar(output, [
    await storedFile('Distribution', distributionFile),
    ...(await Promise.all(members.map(([name, file]) => storedFile(`${component}/${name}`, file)))),
  ]);
  ctx.log(`pkg: ${entries.length} paths, ${bytes} bytes`);
}
