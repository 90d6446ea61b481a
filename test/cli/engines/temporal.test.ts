import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { assertNoDowngrade, downloadTemporal } from '../../../cli/engines/download.ts';
import { PortChooser } from '../../../cli/engines/ports.ts';
import { startTimeOf } from '../../../cli/engines/processes.ts';
import { silent } from '../../../cli/engines/progress.ts';
import { ensureTemporalCli, startTemporalDev } from '../../../cli/engines/temporal.ts';
import { ensureTimeSkippingServer } from '../../../cli/engines/time-skipping.ts';
import { lastingPort } from '../../harness/ports.ts';
import { type DownloadServer, downloadServer } from '../support/download-server.ts';
import { recorder, removeScratch, scratch, script } from '../support/scratch.ts';

const servers: DownloadServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  await removeScratch();
});

const VERSION_ANSWER = 'echo "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"';
const CLI = { name: 'temporal', content: `#!/bin/sh\n${VERSION_ANSWER}\n` };
const NOWHERE = 'http://127.0.0.1:9';

async function serve(...args: Parameters<typeof downloadServer>): Promise<DownloadServer> {
  const server = await downloadServer(...args);
  servers.push(server);
  return server;
}

test('a download asked over TLS comes over TLS', () => {
  expect(() => assertNoDowngrade('https://a', 'http://b/c')).toThrow('an archive without TLS: http://b/c');
  for (const [asked, archive] of [
    ['https://a', 'https://b/c'],
    ['http://a', 'http://b/c'],
  ] as const)
    expect(() => assertNoDowngrade(asked, archive)).not.toThrow();
});

describe('a download', () => {
  test('brings the one program for this machine', async () => {
    const folder = await scratch();
    const server = await serve(folder, CLI);
    const into = join(folder, 'into');
    await mkdir(into);
    const seen: number[] = [];
    const path = await downloadTemporal({
      artifact: 'cli',
      version: 'v1',
      folder: into,
      base: server.base,
      onBytes: (received, total) => seen.push(received, total ?? 0),
    });
    expect(path).toBe(join(into, 'temporal'));
    expect(await readFile(path, 'utf8')).toBe(CLI.content);
    expect(server.asked[0]).toMatch(/^\/cli\/v1\?platform=\w+&arch=\w+&format=tar\.gz$/);
    expect(seen.at(-1)).toBe(seen.at(-2));
  });

  test.each([
    ['cut', 60_000, /terminated|cut/],
    ['stalls', 300, /nothing was received for 300 ms/],
    ['silent', 300, /nothing was received for 300 ms/],
    ['missing', 60_000, /answered 404/],
    ['no archive', 60_000, /answered 503/],
    ['garbage', 60_000, /./],
    ['other content', 60_000, /holds no build\/else/],
  ] as const)('that is broken (%s) fails within %d ms of silence', async (fault, limitMs, message) => {
    const folder = await scratch();
    const server = await serve(folder, CLI, fault);
    const limits = { connectTimeoutMs: limitMs, stallTimeoutMs: limitMs };
    await expect(
      downloadTemporal({ artifact: 'cli', version: 'v1', folder, base: server.base, ...limits }),
    ).rejects.toThrow(message);
  });

  test('ends when it is given up', async () => {
    const folder = await scratch();
    const server = await serve(folder, CLI, 'silent');
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('given up')), 50);
    const options = { artifact: 'cli', version: 'v1', folder, base: server.base } as const;
    await expect(downloadTemporal({ ...options, signal: abort.signal })).rejects.toThrow('given up');
  });
});

describe('the command line program', () => {
  test('is the one that is named, or an error says why not', async () => {
    const folder = await scratch();
    const good = await script(join(folder, 'good'), VERSION_ANSWER);
    expect(await ensureTemporalCli(silent, { env: { TEMPORAL_CLI_PATH: good } })).toBe(good);
    const old = await script(join(folder, 'old'), 'echo "temporal version 1.3 (Server 1.28.2, UI 2)"');
    const other = await script(join(folder, 'other'), 'echo hello');
    const cases: [string, string][] = [
      [old, 'carries server 1.28, needed is 1.29 or newer'],
      [other, 'says "hello" instead'],
      [join(folder, 'none'), 'could not be started'],
    ];
    for (const [path, why] of cases) {
      await expect(ensureTemporalCli(silent, { env: { TEMPORAL_CLI_PATH: path } })).rejects.toThrow(why);
    }
  });

  test('is taken from PATH when it is new enough, else passed over with a word', async () => {
    const folder = await scratch();
    await script(join(folder, 'temporal'), 'echo "temporal version 1.9 (Server 2.0.0, UI 2)"');
    const env = { PATH: `:${folder}` };
    expect(await ensureTemporalCli(silent, { env, root: join(folder, 'cache') })).toBe(
      join(folder, 'temporal'),
    );
    await script(join(folder, 'temporal'), 'echo old');
    const server = await serve(folder, CLI);
    const { progress, text } = recorder();
    const options = { env, root: join(folder, 'cache'), downloadBase: server.base };
    expect(await ensureTemporalCli(progress, options)).toContain(join(folder, 'cache'));
    expect(text()).toContain('is passed over');
  });

  test('is downloaded once, then taken from the cache', async () => {
    const folder = await scratch();
    const root = join(folder, 'cache');
    const server = await serve(folder, CLI);
    const options = { env: { PATH: '' }, root, downloadBase: server.base };
    const path = await ensureTemporalCli(silent, options);
    const asked = server.asked.length;
    expect(await ensureTemporalCli(silent, options)).toBe(path);
    expect(server.asked).toHaveLength(asked);
    // A damaged one is fetched anew.
    await writeFile(path, '#!/bin/sh\n');
    expect(await ensureTemporalCli(silent, options)).toBe(path);
    expect(await readFile(path, 'utf8')).toBe(CLI.content);
  });

  test('is built with Go where a download is cut; compiled packages are counted', async () => {
    const folder = await scratch();
    const server = await serve(folder, CLI, 'cut');
    const bin = join(folder, 'bin');
    await mkdir(bin);
    const report = `echo "$GOFLAGS|$CGO_ENABLED|$*" > ${folder}/call; echo "go: downloading x" >&2; echo one/package >&2`;
    await script(join(bin, 'go'), `${report}\nprintf '%s' '${CLI.content}' > "$GOBIN/temporal"`);
    const { progress, text } = recorder();
    const env = { PATH: `${bin}:/usr/bin:/bin`, GOFLAGS: '-mod=vendor' };
    const path = await ensureTemporalCli(progress, {
      env,
      root: join(folder, 'cache'),
      downloadBase: server.base,
    });
    expect(await readdir(join(path, '..'))).toEqual(['.eucora-install.json', 'temporal']);
    expect(await readFile(join(folder, 'call'), 'utf8')).toContain('|0|install -v');
    expect(text()).toMatch(/failed: Downloading[\s\S]*building it instead[\s\S]*done: Building/);
  });

  test('cannot be had without network and Go: the error says what to do, and the cache stays clean', async () => {
    const root = join(await scratch(), 'cache');
    const options = { env: { PATH: '' }, root, downloadBase: NOWHERE };
    await expect(ensureTemporalCli(silent, options)).rejects.toThrow(
      /Go, to build it, is not installed\n.*install Go.*TEMPORAL_CLI_PATH.*TEMPORAL_ADDRESS/,
    );
    expect(await readdir(root)).toEqual([]);
  });

  test('a build that fails or brings something else leaves the cache clean', async () => {
    const folder = await scratch();
    const root = join(folder, 'cache');
    const options = { env: { PATH: `${folder}:/usr/bin:/bin` }, root, downloadBase: NOWHERE };
    await script(join(folder, 'go'), 'echo "no such module" >&2; exit 1');
    await expect(ensureTemporalCli(silent, options)).rejects.toThrow('no such module');
    await script(join(folder, 'go'), 'printf "#!/bin/sh\\necho hello" > "$GOBIN/temporal"');
    await expect(ensureTemporalCli(silent, options)).rejects.toThrow(
      'the Temporal program that was fetched says',
    );
    expect(await readdir(root)).toEqual([]);
  });

  test('an attempt that is given up builds nothing', async () => {
    const folder = await scratch();
    const server = await serve(folder, CLI, 'silent');
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('given up')), 50);
    const common = { env: { PATH: '' }, downloadBase: server.base, signal: abort.signal };
    await expect(ensureTemporalCli(silent, { ...common, root: join(folder, 'a') })).rejects.toThrow(
      'given up',
    );
    await expect(ensureTimeSkippingServer(silent, { ...common, root: join(folder, 'a') })).rejects.toThrow(
      'given up',
    );
  });
});

describe('the time-skipping server', () => {
  test('is the one that is named, or downloaded once', async () => {
    expect(await ensureTimeSkippingServer(silent, { env: { TEMPORAL_TEST_SERVER_PATH: '/x' } })).toBe('/x');
    const folder = await scratch();
    const server = await serve(folder, { name: 'temporal-test-server', content: 'binary' });
    const options = { env: {}, root: join(folder, 'cache'), downloadBase: server.base };
    const path = await ensureTimeSkippingServer(silent, options);
    expect(await readFile(path, 'utf8')).toBe('binary');
    expect(await ensureTimeSkippingServer(silent, options)).toBe(path);
    expect(server.asked).toHaveLength(2);
  });

  test('comes from Maven otherwise, with a launcher', async () => {
    const folder = await scratch();
    await script(join(folder, 'java'), 'exit 0');
    await script(
      join(folder, 'mvn'),
      '[ "$1" = --version ] && exit; mkdir lib; echo copying; : > lib/temporal-test-server-1.38.0.jar',
    );
    const env = { PATH: `${folder}:/usr/bin:/bin` };
    const options = { env, root: join(folder, 'cache'), downloadBase: NOWHERE };
    const path = await ensureTimeSkippingServer(silent, options);
    expect(await readFile(path, 'utf8')).toContain('io.temporal.testserver.TestServer "$@"');
    await rm(join(folder, 'cache'), { recursive: true });
    await script(join(folder, 'mvn'), '[ "$1" = --version ] && exit; mkdir lib');
    await expect(ensureTimeSkippingServer(silent, options)).rejects.toThrow('Maven delivered no test server');
  });

  test('needs Java and Maven then, and says so', async () => {
    const folder = await scratch();
    const env = { PATH: folder };
    const options = { env, root: join(folder, 'cache'), downloadBase: NOWHERE };
    await expect(ensureTimeSkippingServer(silent, options)).rejects.toThrow(/needs java\nInstall Java 17/);
    await script(join(folder, 'java'), 'exit 0');
    await expect(ensureTimeSkippingServer(silent, options)).rejects.toThrow(/needs mvn\n/);
  });
});

describe('the development server', () => {
  test('has its Web UI, keeps closed workflows for weeks and everything over SIGKILL', async () => {
    const folder = await scratch();
    const binary = await ensureTemporalCli(silent);
    const chooser = new PortChooser();
    const options = {
      binary,
      dbFile: join(folder, 'temporal.db'),
      port: await chooser.choose(lastingPort()),
      uiPort: await chooser.choose(lastingPort()),
      logFile: join(folder, 'logs', 'temporal.log'),
      retentionDays: 9,
    };
    const first = await startTemporalDev(options);
    expect((await fetch(first.uiUrl ?? '')).status).toBe(200);
    await first.kill();
    const pids: number[] = [];
    const second = await startTemporalDev({
      ...options,
      retentionDays: 9,
      onSpawn: (pid) => void pids.push(pid),
    });
    expect(pids).toEqual([second.pid]);
    const connection = await Connection.connect({ address: second.address });
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
    await connection.close();
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(9 * 86_400);
    await second.stop();
    expect(await second.exited).toBe('0');
    expect(await startTimeOf(second.pid)).toBeUndefined();
  });

  test('says with its own words when it does not come up', async () => {
    const folder = await scratch();
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const options = { binary: await ensureTemporalCli(silent), port, logFile: join(folder, 't.log') };
    await expect(startTemporalDev(options)).rejects.toThrow(/Temporal ended with 1[\s\S]*already in use/);
    server.close();
    await expect(startTemporalDev({ ...options, binary: '/does/not/exist' })).rejects.toThrow(
      'could not be started',
    );
  });
});
