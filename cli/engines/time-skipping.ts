import { chmod, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, findInstalled, installOnce } from './cache.ts';
import { runCommand } from './command.ts';
import { downloadTemporal } from './download.ts';
import { EngineError, messageOf } from './errors.ts';
import { note, type Progress, step } from './progress.ts';

const VERSION = '1.38.0';
const LAUNCHER = 'temporal-test-server';

export interface TimeSkippingOptions {
  readonly root?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly downloadBase?: string;
  readonly signal?: AbortSignal | undefined;
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>eucora</groupId>
  <artifactId>test-server</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId>
      <artifactId>temporal-test-server</artifactId>
      <version>${VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

// The SDK gives it 5 s to come up: without these flags a busy machine takes longer.
const SCRIPT = `#!/bin/sh
here=$(dirname "$0")
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$here/lib/*" io.temporal.testserver.TestServer "$@"
`;

async function download(folder: string, options: TimeSkippingOptions): Promise<void> {
  const program = await downloadTemporal({
    artifact: 'temporal-test-server',
    version: 'default',
    folder,
    base: options.downloadBase,
    signal: options.signal,
  });
  await rename(program, join(folder, LAUNCHER));
  await rm(join(folder, '.download.tar.gz'), { force: true });
}

async function collect(
  folder: string,
  options: TimeSkippingOptions,
  detail: (text: string) => void,
): Promise<void> {
  const env = options.env ?? process.env;
  const hint =
    'Install Java 17 or newer and Maven (Debian: openjdk-17-jre-headless and maven), ' +
    'or put the path of a test server into TEMPORAL_TEST_SERVER_PATH.';
  for (const [program, flag] of [
    ['java', '-version'],
    ['mvn', '--version'],
  ] as const) {
    await runCommand(program, [flag], { env, timeoutMs: 60_000 }).catch((error: unknown) => {
      throw new EngineError(`the time-skipping test server could not be downloaded and needs ${program}`, {
        hint,
        cause: error,
      });
    });
  }
  await writeFile(join(folder, 'pom.xml'), POM);
  const goal = ['dependency:copy-dependencies', '-DoutputDirectory=lib', '-DincludeScope=runtime'];
  await runCommand('mvn', ['--batch-mode', '--no-transfer-progress', ...goal], {
    cwd: folder,
    env,
    signal: options.signal,
    onLine: (line) => detail(line.slice(0, 100)),
  });
  const jars = await readdir(join(folder, 'lib'));
  if (!jars.includes(`temporal-test-server-${VERSION}.jar`))
    throw new EngineError('Maven delivered no test server');
  await writeFile(join(folder, LAUNCHER), SCRIPT);
}

/**
 * The path of a Temporal test server that skips time, for `server.executable` of type 'existing-path':
 * TEMPORAL_TEST_SERVER_PATH, cache, download, and as the last way Maven with Java.
 * @throws EngineError that says what to install.
 */
export async function ensureTimeSkippingServer(
  progress: Progress,
  options: TimeSkippingOptions = {},
): Promise<string> {
  const given = (options.env ?? process.env)['TEMPORAL_TEST_SERVER_PATH'];
  if (given !== undefined && given !== '') return given;
  const root = options.root ?? cacheDirectory();
  const name = `temporal-test-server-${VERSION}-${process.platform}-${process.arch}`;
  const cached = await findInstalled(root, name);
  if (cached !== undefined) return join(cached, LAUNCHER);
  const install = async (folder: string): Promise<void> => {
    try {
      await step(progress, 'Downloading the time-skipping test server', () => download(folder, options));
    } catch (error) {
      options.signal?.throwIfAborted();
      note(progress, `${messageOf(error)}; taking it from Maven instead`);
      await step(progress, 'Collecting the time-skipping test server with Maven', (detail) =>
        collect(folder, options, detail),
      );
    }
    await chmod(join(folder, LAUNCHER), 0o755);
  };
  return join(await installOnce({ root, name, progress, signal: options.signal, install }), LAUNCHER);
}
