import { access, chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Programs of build, signing, verification, SBOM and scan. */
const PROGRAMS = [
  'nfpm',
  'dpkg-deb',
  'debsig-verify',
  'gpg',
  'gpgv',
  'rpm',
  'rpmsign',
  'rpmkeys',
  'wixl',
  'msiinfo',
  'osslsigncode',
  'openssl',
  'trivy',
];
/** Asked for evidence; no step of the work. */
const VERSIONS = new Set(['--version', 'version']);

/** One run of a tool, and what it found. */
export interface ToolCall {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly exitCode: number;
  /** Copies of the folders that it works in as they were before, by path. */
  readonly before: Readonly<Record<string, string>>;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Notes how it is called, keeps a copy of the workspace, and does what the real one does. */
const scribe = (name: string, program: string, folder: string): string => `#!/bin/sh
real=${quoted(program)}
# One tool may start another: that is the first one's own time.
if [ -n "$EUCORA_BENCH_NESTED" ]; then exec "$real" "$@"; fi
call=${quoted(folder)}/$(date +%s%N)-$$-${name}
mkdir -p "$call"
if [ "$#" -gt 0 ]; then printf '%s\\0' "$@" > "$call/args"; else : > "$call/args"; fi
pwd > "$call/cwd"
env -0 > "$call/env"
# Each run has its home in a folder of its own, in the workspace.
folder=\${HOME%/run-*/home}
# GnuPG's folder may lie elsewhere.
gnupg=$GNUPGHOME
for word in "$@"; do
  if [ "$last" = --homedir ]; then gnupg=$word; fi
  last=$word
done
# Other tools may be at work beside: what goes while it is copied is theirs.
cp -a "$folder" "$call/folder-0" 2> /dev/null
echo "$folder" > "$call/folders"
if [ -n "$gnupg" ]; then
  cp -a "$gnupg" "$call/folder-1" 2> /dev/null
  echo "$gnupg" >> "$call/folders"
fi
# A socket of an agent that has ended.
find "$call" -type s -exec rm {} +
EUCORA_BENCH_NESTED=1 "$real" "$@"
code=$?
# In a namespace of its own the agent would have ended with its tool.
if [ -n "$gnupg" ]; then gpgconf --homedir "$gnupg" --kill all > /dev/null 2>&1; fi
echo "$code" > "$call/code"
exit "$code"
`;

/** What a scribe writes lies outside the workspace: while calls are recorded, tools are not in a sandbox. */
const OPEN_SANDBOX = `#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
`;

async function find(name: string, path: readonly string[]): Promise<string | undefined> {
  for (const folder of path) {
    const there = await access(join(folder, name)).then(
      () => true,
      () => false,
    );
    if (there) return join(folder, name);
  }
  return undefined;
}

/**
 * Learns how a packaging worker calls its tools: a folder, first in the worker's path, of programs that write down how
 * they are called. Removing them leaves the worker with the real ones.
 */
export class ToolRecorder {
  /** For the worker's EUCORA_PACKAGING_PATH. */
  readonly path: string;
  readonly #calls: string;
  readonly #programs: ReadonlyMap<string, string>;

  private constructor(folder: string, programs: ReadonlyMap<string, string>) {
    this.path = join(folder, 'scribes');
    this.#calls = join(folder, 'calls');
    this.#programs = programs;
  }

  /** @param path the folders that the worker has its tools from, but for those of this process' own PATH */
  static async open(folder: string, path: readonly string[], own: string): Promise<ToolRecorder> {
    const programs = new Map<string, string>();
    for (const name of PROGRAMS) {
      const program = await find(name, [...path, ...own.split(delimiter)]);
      if (program !== undefined) programs.set(name, program);
    }
    const recorder = new ToolRecorder(folder, programs);
    await mkdir(recorder.path);
    return recorder;
  }

  /** @param what names the calls of one pipeline */
  async record(what: string): Promise<void> {
    const put = async (name: string, script: string): Promise<void> => {
      await writeFile(join(this.path, name), script);
      await chmod(join(this.path, name), 0o755);
    };
    await put('bwrap', OPEN_SANDBOX);
    for (const [name, program] of this.#programs)
      await put(name, scribe(name, program, join(this.#calls, what)));
  }

  /** From now on the worker calls the real tools. */
  async end(): Promise<void> {
    for (const name of ['bwrap', ...this.#programs.keys()]) await rm(join(this.path, name), { force: true });
  }

  /** What one pipeline called, in the order in which it did. */
  async calls(what: string): Promise<ToolCall[]> {
    const folder = join(this.#calls, what);
    const names = (await readdir(folder)).sort();
    const calls = await Promise.all(names.map((name) => this.#read(join(folder, name))));
    return calls.filter(({ args }) => !VERSIONS.has(args[0] ?? ''));
  }

  /** One tool may be told where another one is: there is no scribe any more when it is called alone. */
  #withoutScribes(word: string): string {
    const scribe = [...this.#programs].find(([name]) => word.endsWith(join(this.path, name)));
    return scribe === undefined ? word : word.replace(join(this.path, scribe[0]), scribe[1]);
  }

  async #read(call: string): Promise<ToolCall> {
    const text = (name: string): Promise<string> => readFile(join(call, name), 'utf8');
    const name = [...this.#programs.keys()].find((program) => call.endsWith(`-${program}`)) ?? '';
    const list = async (file: string): Promise<string[]> => (await text(file)).split('\0').slice(0, -1);
    const env = Object.fromEntries(
      (await list('env')).map((line) => [
        line.slice(0, line.indexOf('=')),
        line.slice(line.indexOf('=') + 1),
      ]),
    );
    return {
      name,
      program: this.#programs.get(name) ?? name,
      args: (await list('args')).map((word) => this.#withoutScribes(word)),
      cwd: (await text('cwd')).trim(),
      env,
      exitCode: Number(await text('code')),
      before: Object.fromEntries(
        (await text('folders'))
          .trim()
          .split('\n')
          .map((path, index) => [path, join(call, `folder-${index}`)]),
      ),
    };
  }
}
