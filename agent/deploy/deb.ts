import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RunResult } from '../process/run.ts';
import { ensurePrivateDirectory, readJson, writeJson } from '../storage/files.ts';
import type { Tools } from '../system/tools.ts';
import { withinRoot } from './detection.ts';
import { type Installation, type Installer, lastWords } from './installer.ts';
import { checkPackageName } from './package-name.ts';
import { runTransaction } from './transaction.ts';

/** A changed configuration file is kept without a question, which nobody would answer. */
const UNATTENDED = ['--force-confdef', '--force-confold'];
const QUIET = { DEBIAN_FRONTEND: 'noninteractive' };

function ended(tool: string, result: RunResult | undefined): string {
  if (result === undefined)
    throw new Error(`${tool} is not installed on this machine; .deb packages need it`);
  const words = lastWords(result.stdout, result.stderr);
  if (result.exitCode !== 0) throw new Error(`${tool} failed (exit code ${result.exitCode}): ${words}`);
  return words;
}

/** A field in dpkg's own template language. */
export const dpkgField = (name: string): string => `\${${name}}`;

async function queryVersion(
  tools: Tools,
  args: readonly string[],
  name: string,
): Promise<string | undefined> {
  checkPackageName('Debian', name);
  const format = `-f=${dpkgField('db:Status-Status')}\t${dpkgField('Version')}\n`;
  const printed = await tools.output('dpkg-query', [...args, '-W', format, '--', name]);
  const line = printed?.split('\n').find((candidate) => candidate.startsWith('installed\t'));
  return line?.split('\t')[1];
}

/** Into the system, by dpkg; needs root. */
export function systemDeb(tools: Tools, scratch: string): Installer {
  return {
    root: '/',
    versionOf: (name) => queryVersion(tools, [], name),
    async install(path, signal) {
      signal.throwIfAborted();
      const result = await runTransaction(tools, scratch, 'dpkg', [...UNATTENDED, '-i', path], QUIET);
      return { method: 'dpkg', output: ended('dpkg', result), notes: [] };
    },
    async remove(name, signal) {
      checkPackageName('Debian', name);
      signal.throwIfAborted();
      const result = await runTransaction(tools, scratch, 'dpkg', ['--remove', '--', name], QUIET);
      return { method: 'dpkg --remove', output: ended('dpkg', result), notes: [] };
    },
  };
}

/** Packages that were unpacked without dpkg's database, by name. */
const unpackedSchema = z.record(
  z.string(),
  z.object({ version: z.string(), files_from: z.string(), files: z.array(z.string()).default([]) }),
);
/** A line of `dpkg-deb --contents` that is no folder: mode, owner, size, date, time and path. */
const LISTED_FILE = /^[^d]\S+ +\S+ +\d+ +\S+ +\S+ +\.\/(.+?)(?: -> .*| link to .*)?$/;
const SCRIPTS = ['preinst', 'postinst', 'prerm', 'postrm', 'config'];

/**
 * Into a folder of the agent's own, which the system never sees. Packages without maintainer scripts go into a
 * private dpkg database; of those with scripts only the files are unpacked, since scripts change the system.
 */
export class PrivateRootDeb implements Installer {
  readonly root: string;
  readonly #tools: Tools;
  readonly #scratch: string;

  constructor(tools: Tools, root: string, scratch: string) {
    this.#tools = tools;
    this.root = root;
    this.#scratch = scratch;
  }

  readonly versionOf = async (name: string): Promise<string | undefined> => {
    const unpacked = await this.#unpacked();
    if (Object.hasOwn(unpacked, name)) return unpacked[name]?.version;
    return queryVersion(this.#tools, [`--admindir=${this.#database}`], name);
  };

  async install(path: string, signal: AbortSignal): Promise<Installation> {
    await ensurePrivateDirectory(this.root);
    const control = await this.#control(path, signal);
    signal.throwIfAborted();
    if (control.scripts.length === 0) {
      const registered = await this.#register(path);
      if (registered !== undefined) return registered;
    }
    const files = await this.#filesOf(path);
    const result = await runTransaction(this.#tools, this.#scratch, 'dpkg-deb', ['-x', path, this.root]);
    const output = ended('dpkg-deb', result);
    const unpacked = await this.#unpacked();
    // What the version before brought and this one does not goes, as dpkg has it.
    const gone = (unpacked[control.name]?.files ?? []).filter((file) => !files.includes(file));
    await this.#delete(gone);
    await this.#note({
      ...unpacked,
      [control.name]: { version: control.version, files_from: 'dpkg-deb -x', files },
    });
    const notes =
      control.scripts.length === 0 ? [] : [`Maintainer scripts were not run: ${control.scripts.join(', ')}`];
    return { method: 'dpkg-deb -x', output, notes };
  }

  async remove(name: string, signal: AbortSignal): Promise<Installation> {
    checkPackageName('Debian', name);
    signal.throwIfAborted();
    const { [name]: known, ...others } = await this.#unpacked();
    if (known !== undefined) {
      await this.#delete(known.files);
      await this.#note(others);
      return { method: 'files deleted', output: '', notes: [`${known.files.length} files were deleted`] };
    }
    const result = await runTransaction(
      this.#tools,
      this.#scratch,
      'dpkg',
      [...this.#privately, '--remove', '--', name],
      QUIET,
    );
    return { method: 'dpkg --root --remove', output: ended('dpkg', result), notes: [] };
  }

  async #unpacked(): Promise<z.infer<typeof unpackedSchema>> {
    const read = await readJson(this.#unpackedFile, unpackedSchema);
    return read.found === 'yes' ? read.value : {};
  }

  async #note(unpacked: z.infer<typeof unpackedSchema>): Promise<void> {
    await mkdir(join(this.#database, '..'), { recursive: true });
    await writeJson(this.#unpackedFile, unpacked);
  }

  /** Paths of the files, not of the folders, that a package brings. */
  async #filesOf(path: string): Promise<string[]> {
    const result = await this.#tools.run('dpkg-deb', ['--contents', path]);
    ended('dpkg-deb', result);
    const lines = (result?.stdout ?? '').split('\n');
    return lines.flatMap((line) => LISTED_FILE.exec(line)?.[1] ?? []);
  }

  async #delete(files: readonly string[]): Promise<void> {
    for (const file of files) await rm(await withinRoot(this.root, file), { force: true });
  }

  /** The private root holds none of the packages that others depend on. */
  get #privately(): readonly string[] {
    return [
      `--root=${this.root}`,
      '--force-not-root',
      '--force-script-chrootless',
      '--force-depends',
      '--no-triggers',
    ];
  }

  get #database(): string {
    return join(this.root, 'var/lib/dpkg');
  }

  get #unpackedFile(): string {
    return join(this.root, 'var/lib/eucora-unpacked.json');
  }

  async #control(path: string, signal: AbortSignal) {
    const directory = await mkdtemp(join(this.#scratch, 'control-'));
    try {
      ended('dpkg-deb', await this.#tools.run('dpkg-deb', ['-e', path, directory], { signal }));
      const control = await readFile(join(directory, 'control'), 'utf8');
      const field = (name: string) => new RegExp(`^${name}:\\s*(.+)$`, 'mi').exec(control)?.[1]?.trim() ?? '';
      const names = await readdir(directory);
      return {
        name: field('Package'),
        version: field('Version'),
        scripts: names.filter((name) => SCRIPTS.includes(name)),
      };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** By dpkg into the private database; undefined when this dpkg cannot do that. */
  async #register(path: string): Promise<Installation | undefined> {
    for (const folder of ['info', 'updates', 'triggers', 'alternatives']) {
      await mkdir(join(this.#database, folder), { recursive: true });
    }
    for (const file of ['status', 'available']) {
      await writeFile(join(this.#database, file), '', { flag: 'a' });
    }
    const result = await runTransaction(
      this.#tools,
      this.#scratch,
      'dpkg',
      [...UNATTENDED, ...this.#privately, '-i', path],
      QUIET,
    );
    if (result?.exitCode !== 0) return undefined;
    return { method: 'dpkg --root', output: lastWords(result.stdout, result.stderr), notes: [] };
  }
}
