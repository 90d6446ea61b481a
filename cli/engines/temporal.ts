import { chmod, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, findInstalled, installOnce } from './cache.ts';
import { runCommand } from './command.ts';
import { downloadTemporal } from './download.ts';
import { EngineError, messageOf } from './errors.ts';
import { onPath } from './path.ts';
import { note, type Progress, step, warn } from './progress.ts';

export { type RunningTemporal, startTemporalDev, type TemporalDevOptions } from './temporal-server.ts';

/** Later releases carry a replace directive and cannot be installed by `go install`. */
const VERSION = 'v1.5.1';
const PACKAGE = `github.com/temporalio/cli/cmd/temporal@${VERSION}`;
const OLDEST_SERVER = [1, 29] as const;
const PROGRAM = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

type Environment = Readonly<Record<string, string | undefined>>;

export interface TemporalCliOptions {
  readonly root?: string;
  readonly env?: Environment;
  /** Instead of Temporal's own download address. */
  readonly downloadBase?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Why the program is of no use to us, undefined when it is. */
async function objection(path: string): Promise<string | undefined> {
  try {
    const answer = await runCommand(path, ['--version'], { timeoutMs: 20_000 });
    const server = /Server (\d+)\.(\d+)/.exec(answer);
    if (server === null) return `says ${JSON.stringify(answer.trim())} instead of its server's version`;
    const [major, minor] = [Number(server[1]), Number(server[2])];
    const [oldestMajor, oldestMinor] = OLDEST_SERVER;
    const enough = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
    return enough
      ? undefined
      : `carries server ${major}.${minor}, needed is ${OLDEST_SERVER.join('.')} or newer`;
  } catch (error) {
    return messageOf(error);
  }
}

async function download(
  folder: string,
  options: TemporalCliOptions,
  detail: (text: string) => void,
): Promise<void> {
  const program = await downloadTemporal({
    artifact: 'cli',
    version: VERSION,
    folder,
    base: options.downloadBase,
    signal: options.signal,
    onBytes: (received, total) => {
      const all = total === undefined ? '' : ` of ${Math.round(total / 1e6)}`;
      detail(`${Math.round(received / 1e6)}${all} MB`);
    },
  });
  await rename(program, join(folder, PROGRAM));
}

async function build(
  folder: string,
  options: TemporalCliOptions,
  detail: (text: string) => void,
): Promise<void> {
  const env = options.env ?? process.env;
  const go = await onPath(process.platform === 'win32' ? 'go.exe' : 'go', env);
  if (go === undefined) {
    throw new EngineError(
      'Temporal could neither be found nor downloaded, and Go, to build it, is not installed',
      {
        hint:
          'Do one of these: let this machine reach https://temporal.download once; install Go 1.21 or newer; ' +
          'install the Temporal CLI and put it on PATH or its path into TEMPORAL_CLI_PATH; ' +
          'or give the address of a running Temporal in TEMPORAL_ADDRESS.',
      },
    );
  }
  let packages = 0;
  // Pure Go, so no C compiler is asked for; flags of the user's own Go projects must not get in.
  const settings = { GOBIN: folder, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off', GO111MODULE: 'on' };
  await runCommand(go, ['install', '-v', '-trimpath', '-ldflags=-s -w', PACKAGE], {
    cwd: folder,
    env: { ...env, ...settings },
    signal: options.signal,
    onLine: (line) => {
      if (!line.includes(' ')) packages += 1;
      detail(packages === 0 ? line : `${packages} packages compiled`);
    },
  });
}

async function install(root: string, progress: Progress, options: TemporalCliOptions): Promise<string> {
  const name = `temporal-cli-${VERSION}-${process.platform}-${process.arch}`;
  const attempt = async (folder: string): Promise<void> => {
    try {
      await step(progress, `Downloading Temporal's development server ${VERSION}`, (detail) =>
        download(folder, options, detail),
      );
    } catch (error) {
      options.signal?.throwIfAborted();
      note(progress, `${messageOf(error)}; building it instead, which takes some minutes, once per machine`);
      await step(progress, `Building Temporal's development server ${VERSION} with Go`, (detail) =>
        build(folder, options, detail),
      );
    }
    await rm(join(folder, '.download.tar.gz'), { force: true });
    await chmod(join(folder, PROGRAM), 0o755);
    const wrong = await objection(join(folder, PROGRAM));
    if (wrong !== undefined) throw new EngineError(`the Temporal program that was fetched ${wrong}`);
  };
  return join(await installOnce({ root, name, progress, signal: options.signal, install: attempt }), PROGRAM);
}

/**
 * The path of Temporal's command line program with its development server: TEMPORAL_CLI_PATH, PATH, cache,
 * download, and as the last way a build with Go.
 * @throws EngineError that says what a person can do when none of these works.
 */
export async function ensureTemporalCli(
  progress: Progress,
  options: TemporalCliOptions = {},
): Promise<string> {
  const env = options.env ?? process.env;
  const given = env['TEMPORAL_CLI_PATH'];
  if (given !== undefined && given !== '') {
    const wrong = await objection(given);
    if (wrong === undefined) return given;
    throw new EngineError(`TEMPORAL_CLI_PATH is ${given}, which ${wrong}`);
  }
  const found = await onPath(PROGRAM, env);
  if (found !== undefined) {
    const wrong = await objection(found);
    if (wrong === undefined) return found;
    warn(progress, `${found} is passed over: it ${wrong}`);
  }
  const root = options.root ?? cacheDirectory();
  const name = `temporal-cli-${VERSION}-${process.platform}-${process.arch}`;
  const cached = await findInstalled(root, name);
  return cached === undefined ? install(root, progress, options) : join(cached, PROGRAM);
}
