import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DescriptionOf } from '../../contracts/packaging-pipeline/description.ts';
import type { Relation } from '../../contracts/packaging-pipeline/description-parts.ts';
import type { ToolContext } from '../context.ts';
import { runTool } from '../tools/run-tool.ts';
import type { Layout } from './lay-out.ts';
import { packageScripts, SCRIPT_NAMES, type ScriptName } from './scripts.ts';
import { walk } from './walk.ts';

type LinuxDescription = DescriptionOf<'deb'> | DescriptionOf<'rpm'>;

/** Times in packages are fixed: the same input makes the same package. */
const EPOCH = '2020-01-01T00:00:00Z';

const SCRIPT_FIELDS: Readonly<Record<ScriptName, string>> = {
  pre_install: 'preinstall',
  post_install: 'postinstall',
  pre_remove: 'preremove',
  post_remove: 'postremove',
};

/** Folders that the system's own packages bring; ours must not claim them. */
const SYSTEM_FOLDERS = new Set(
  `bin etc etc/default etc/init.d lib lib64 opt sbin srv usr usr/bin usr/include usr/lib usr/lib/systemd
  usr/lib/systemd/system usr/lib/systemd/user usr/lib64 usr/libexec usr/local usr/local/bin usr/local/lib
  usr/local/sbin usr/sbin usr/share usr/share/applications usr/share/doc usr/share/icons usr/share/man
  usr/share/man/man1 usr/share/man/man8 usr/src var var/cache var/lib var/log var/opt`.split(/\s+/),
);

// nfpm replaces variables in some fields and knows no escape for them: what it finds is the sign itself.
const DOLLAR = 'EUCORA_DOLLAR';
const verbatim = (text: string): string => text.replaceAll('$', `\${${DOLLAR}}`);

function relation(format: 'deb' | 'rpm', { name, relation: sign, version }: Relation): string {
  if (sign === undefined || version === undefined) return name;
  if (format === 'rpm') return `${name} ${sign} ${version}`;
  // Debian's own signs for strictly less and more.
  const debian = sign === '<' ? '<<' : sign === '>' ? '>>' : sign;
  return `${name} (${debian} ${version})`;
}

async function contents(layout: Layout, description: LinuxDescription): Promise<object[]> {
  const folders = new Set(description.files.map(({ to }) => to.replace(/^\//, '')));
  const found: object[] = [];
  for (const entry of await walk(layout.root)) {
    const { mode, owner, group, config } = layout.attributesOf(entry.path);
    const info = { owner, group, mtime: EPOCH };
    const dst = `/${entry.path}`;
    if (entry.kind === 'folder') {
      const ours = [...folders].some((folder) => folder === '' || `${entry.path}/`.startsWith(`${folder}/`));
      if (ours && !SYSTEM_FOLDERS.has(entry.path))
        found.push({ dst, type: 'dir', file_info: { ...info, mode: 0o755 } });
    } else if (entry.kind === 'link') found.push({ src: entry.target, dst, type: 'symlink' });
    else {
      const plain = entry.executable ? 0o755 : 0o644;
      found.push({
        src: join(layout.root, entry.path),
        dst,
        ...(config ? { type: 'config|noreplace' } : {}),
        file_info: { ...info, mode: mode === undefined ? plain : Number.parseInt(mode, 8) },
      });
    }
  }
  return found;
}

/** Builds a deb or rpm, unsigned, into `output`. @throws PackagingError */
export async function buildLinux(
  ctx: ToolContext,
  layout: Layout,
  description: LinuxDescription,
  output: string,
): Promise<void> {
  const { format } = description;
  const folder = join(ctx.workspace, 'nfpm');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  const scripts: Record<string, string> = {};
  const texts = packageScripts(description);
  for (const name of SCRIPT_NAMES) {
    const content = texts[name];
    if (content === undefined) continue;
    scripts[SCRIPT_FIELDS[name]] = join(folder, name);
    await writeFile(join(folder, name), content, { mode: 0o755 });
  }
  const related = (relations: readonly Relation[]) => relations.map((each) => relation(format, each));
  const { summary } = description;
  const body = description.description;
  const config = {
    name: description.name,
    arch: description.architecture,
    platform: 'linux',
    version: description.version,
    version_schema: 'none',
    release: description.release ?? '',
    section: description.section,
    priority: 'optional',
    maintainer: verbatim(description.maintainer),
    // Debian's summary is the first line; rpm has a field of its own.
    description: verbatim(format === 'rpm' ? (body ?? summary) : [summary, body ?? []].flat().join('\n')),
    homepage: verbatim(description.homepage ?? ''),
    license: verbatim(description.license ?? ''),
    mtime: EPOCH,
    disable_globbing: true,
    depends: related(description.depends),
    recommends: related(description.recommends),
    conflicts: related(description.conflicts),
    replaces: related(description.replaces),
    provides: related(description.provides),
    contents: await contents(layout, description),
    scripts,
    // What every release of dpkg can read.
    deb: { compression: 'gzip' },
    rpm: { summary, compression: 'zstd', buildhost: 'localhost' },
  };
  const file = join(folder, 'nfpm.yaml');
  // JSON is YAML, and needs no quoting rules of its own.
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
  await runTool(ctx, 'nfpm', ['package', '--config', file, '--packager', format, '--target', output], {
    env: { [DOLLAR]: '$' },
  });
}
