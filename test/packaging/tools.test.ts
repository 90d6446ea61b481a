import { mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ToolContext } from '../../packaging/index.ts';
import { isolationProblem, missingTools, PackagingError, toolVersions } from '../../packaging/index.ts';
import { LogLines } from '../../packaging/tools/log-lines.ts';
import { runTool, type ToolOptions } from '../../packaging/tools/run-tool.ts';
import { withoutRoomForFiles } from './support/room.ts';
import { exec, PackagingWorld } from './support/world.ts';

let world: PackagingWorld;
beforeAll(async () => {
  world = await PackagingWorld.open();
});
afterAll(() => world.close());

const NODE = { name: 'node', path: process.execPath };
const SHELL = { name: 'shell', path: '/bin/sh' };
const sh = (ctx: ToolContext, script: string, options: ToolOptions = {}) =>
  runTool(ctx, SHELL, ['-c', script], options);

/** Long asleep, and told apart from what other runs of these tests have asleep on this machine. */
const sleepOfOurs = (n: number): string => `sleep ${7_330 + n}.${process.pid}`;

/** Whether a process with this marker in its command line lives. */
async function lives(marker: string): Promise<boolean> {
  const { stdout } = await exec('ps', ['-eo', 'args']);
  return stdout.split('\n').some((line) => line.includes(marker) && !line.startsWith('ps '));
}

describe('A tool', () => {
  it('sees none of the worker’s environment', async () => {
    process.env['EUCORA_TEST_SECRET'] = 'do-not-tell';
    const { stdout } = await sh(await world.context(), 'env', { env: { OWN: 'yes' } });
    delete process.env['EUCORA_TEST_SECRET'];
    const names = stdout.split('\n').flatMap((line) => line.split('=')[0] ?? []);
    expect(stdout).not.toContain('do-not-tell');
    expect(names).toEqual(expect.arrayContaining(['HOME', 'TMPDIR', 'PATH', 'OWN']));
    expect(names.filter((name) => /TOKEN|SECRET|KEY/.test(name))).toEqual([]);
  });

  it('has no network unless it is given it', async () => {
    const ctx = await world.context({ settings: { isolation: 'required' } });
    const interfaces = 'cat /proc/self/net/dev | grep -c ":"';
    const without = await sh(ctx, interfaces);
    const given = await sh(ctx, interfaces, { network: true });
    expect(Number(without.stdout)).toBe(1);
    expect(Number(given.stdout)).toBeGreaterThan(1);
  });

  it('finds its home and scratch folder empty, whatever the one before it left there', async () => {
    const ctx = await world.context();
    const macro = '%planted %(touch planted)';
    const leave = `echo '${macro}' > "$HOME/.rpmmacros" && echo t > "$TMPDIR/t" && echo "$HOME"`;
    const home = (await sh(ctx, leave)).stdout.trim();
    expect((await sh(ctx, 'ls -A "$HOME" "$TMPDIR" | grep -v : || true')).stdout.trim()).toBe('');
    await expect(stat(home)).rejects.toMatchObject({ code: 'ENOENT' });
    // Neither there, nor where homes once lay.
    await mkdir(join(ctx.workspace, 'home'), { recursive: true });
    await writeFile(join(ctx.workspace, 'home', '.rpmmacros'), `${macro}\n`);
    const { stdout } = await runTool(ctx, 'rpm', ['--eval', '%planted']);
    expect(stdout).toBe('%planted\n');
    // A command of the operator's has its own where no confined tool can write.
    const outside = (await sh(ctx, 'echo "$HOME"', { unconfined: true })).stdout;
    expect(outside.startsWith(ctx.workspace)).toBe(false);
  });

  it('does not run where isolation is asked for and cannot be had, not even with network', async () => {
    const ctx = await world.context();
    const settings = {
      ...ctx.settings,
      isolation: 'required' as const,
      programs: { unshare: '/bin/false', bwrap: '/bin/false' },
    };
    for (const network of [false, true])
      await expect(sh({ ...ctx, settings }, 'true', { network })).rejects.toMatchObject({
        code: 'isolation-unavailable',
      });
    expect(await isolationProblem(settings)).toMatch(/Install bubblewrap/);
    const preferred = { ...settings, isolation: 'preferred' as const };
    await expect(sh({ ...ctx, settings: preferred }, 'true')).resolves.toMatchObject({ exitCode: 0 });
    expect((await toolVersions({ ...ctx, settings: preferred })).isolation).toBe('none');
    expect(await isolationProblem(preferred)).toMatch(/files, processes and network/);
  });

  it('cannot write outside its workspace, nor read a key, another pipeline or a home', async () => {
    const ctx = await world.context();
    const other = await world.context();
    const key = await world.put('data/signing/openpgp.asc', 'secret key');
    await writeFile(join(other.workspace, 'source'), 'of another pipeline');
    const home = join(homedir(), `.eucora-test-${process.pid}`);
    await writeFile(home, 'of somebody');
    const attempts = {
      'a write into the system': 'echo x > /usr/eucora-outside',
      'a write into /etc': 'echo x > /etc/eucora-outside',
      'a key': `cat '${key}'`,
      'another pipeline': `cat '${other.workspace}/source'`,
      'a home': `cat '${home}'`,
      'the passwords': 'cat /etc/shadow',
      'the environment of the worker': `cat /proc/${process.pid}/environ`,
      'a link out': `ln -s '${key}' link && cat link`,
    };
    for (const [what, script] of Object.entries(attempts)) {
      const ended = await sh(ctx, `{ ${script}; } && echo done`).catch((error: unknown) => error);
      expect([what, ended]).toEqual([what, expect.objectContaining({ code: 'build-failed' })]);
    }
    await rm(home);
    // What it writes into its own scratch memory is gone with it.
    await sh(ctx, `echo x > '${world.path('outside')}' || true`);
    expect(await stat(world.path('outside')).catch(() => 'not there')).toBe('not there');
    const { stdout } = await sh(ctx, 'echo mine > own && cat own && echo t > "$TMPDIR/t" && cat "$TMPDIR/t"');
    expect(stdout).toBe('mine\nt\n');
    expect((await toolVersions(ctx)).isolation).toBe('sandbox');
    expect(await isolationProblem(ctx.settings)).toBeUndefined();
  });

  it('sees a file that its arguments name, and cannot change it', async () => {
    const ctx = await world.context();
    const named = await world.put('named/file', 'given');
    await world.put('named/beside', 'not given');
    const script = 'cat "$0"; ls "$(dirname "$0")"; echo x >> "$0"';
    const { stdout } = await runTool(ctx, SHELL, ['-c', script, named], { exitCodes: [0, 1, 2] });
    expect(stdout).toBe('givenfile\n');
    expect(await readFile(named, 'utf8')).toBe('given');
  });

  it('does not see what a link in its workspace leads to, though its arguments name the link', async () => {
    const ctx = await world.context();
    const key = await world.put('data/signing/linked.asc', 'secret key');
    const link = join(ctx.workspace, 'link');
    await symlink(key, link);
    await expect(runTool(ctx, SHELL, ['-c', 'cat "$0"', link])).rejects.toThrow(/No such file/);
    // One of ours, outside, is followed.
    const ours = world.path('ours');
    await symlink(key, ours);
    expect((await runTool(ctx, SHELL, ['-c', 'cat "$0"', ours])).stdout).toBe('secret key');
  });

  it('does not see other pipelines because a folder of tools holds them all', async () => {
    const other = await world.context();
    await writeFile(join(other.workspace, 'source'), 'of another pipeline');
    for (const folder of [world.root, `${world.root}/`, `${world.root}/bin/..`]) {
      const ctx = await world.context({ settings: { path: [folder, '/usr/bin', '/bin'] } });
      await expect(sh(ctx, `cat '${other.workspace}/source'`)).rejects.toThrow(/No such file/);
    }
  });

  it('is put in a sandbox as soon as the machine permits it, though it once did not', async () => {
    const real = (await exec('sh', ['-c', 'command -v bwrap'])).stdout.trim();
    const mark = world.path('bwrap-may');
    // In the sandbox nothing but the real one is run.
    const bwrap = await world.put('bwrap', `#!/bin/sh\n[ -e '${mark}' ] && exec ${real} "$@"\n`, 0o755);
    const { settings } = await world.context({ settings: { programs: { bwrap } } });
    expect(await isolationProblem(settings)).toMatch(/reach the files/);
    await writeFile(mark, '');
    expect(await isolationProblem(settings)).toBeUndefined();
  });

  it('is cut off from network and processes at least where there is no bubblewrap', async () => {
    const ctx = await world.context({
      settings: { programs: { bwrap: '/bin/false' }, isolation: 'required' },
    });
    expect(Number((await sh(ctx, 'cat /proc/self/net/dev | grep -c ":"')).stdout)).toBe(1);
    expect((await toolVersions(ctx)).isolation).toBe('namespaces');
    // With network, still in a process tree of its own.
    const { stdout } = await sh(ctx, 'echo $$; cat /proc/self/net/dev | grep -c ":"', { network: true });
    const [pid, interfaces] = stdout.trim().split('\n').map(Number);
    expect(pid).toBe(1);
    expect(interfaces).toBeGreaterThan(1);
  });

  it('is killed with all its children when its time is over', async () => {
    const ctx = await world.context();
    // In a session of its own, so that the group alone would not reach it.
    const child = sleepOfOurs(1);
    const run = sh(ctx, `setsid ${child} & ${child}`, { timeMs: 300 });
    await expect(run).rejects.toMatchObject({ code: 'limit-exceeded', reason: 'time' });
    expect(await lives(child)).toBe(false);
  });

  it('is killed with all its children when the step is aborted', async () => {
    const controller = new AbortController();
    const ctx = await world.context({ signal: controller.signal });
    let begun: () => void = () => undefined;
    const begins = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const child = sleepOfOurs(2);
    const run = sh({ ...ctx, log: begun }, `echo ready; ${child} & ${child}`);
    await begins;
    const reason = new Error('cancelled');
    controller.abort(reason);
    await expect(run).rejects.toBe(reason);
    expect(await lives(child)).toBe(false);
    await expect(sh(ctx, 'true')).rejects.toBe(reason);
  });

  it('gets no more memory than it may', async () => {
    const ctx = await world.context({ limits: { memoryBytes: 300 * 2 ** 20 } });
    const run = runTool(ctx, { name: 'perl', path: '/usr/bin/perl' }, ['-e', '$x = "x" x 400_000_000']);
    await expect(run).rejects.toMatchObject({ code: 'limit-exceeded', reason: 'memory' });
  });

  it('writes no larger file than it may', async () => {
    const ctx = await world.context({ limits: { fileBytes: 10_000 } });
    await expect(sh(ctx, 'head -c 20000 /dev/zero > large')).rejects.toMatchObject({
      code: 'limit-exceeded',
      reason: 'file-size',
    });
    expect((await stat(join(ctx.workspace, 'large'))).size).toBe(10_000);
  });

  it('that floods its output fills neither log nor memory', async () => {
    const lines: string[] = [];
    const ctx = {
      ...(await world.context({ limits: { outputBytes: 1_000 } })),
      log: (line: string) => lines.push(line),
    };
    const { stdout } = await sh(ctx, 'i=0; while [ $i -lt 2000 ]; do echo line-$i; i=$((i+1)); done');
    expect(stdout.length).toBe(1_000);
    expect(lines.length).toBeLessThan(130);
    expect(lines.at(-1)).toContain('left out');
  });

  it('that is not there is named with what brings it', async () => {
    const ctx = await world.context({ settings: { path: ['/nonexistent'] } });
    await expect(runTool(ctx, 'wixl', [])).rejects.toThrow(
      /wixl is not installed.*Debian package `wixl`.*eucora packages retry/,
    );
    const given = await world.context({ settings: { programs: { trivy: '/nonexistent/trivy' } } });
    await expect(runTool(given, 'trivy', [])).rejects.toMatchObject({
      code: 'tool-missing',
      // Nobody installs it while the step waits.
      retryable: false,
    });
    // What the system never starts is no better later.
    await expect(sh(await world.context(), 'x'.repeat(200_000))).rejects.toMatchObject({
      message: expect.stringContaining('E2BIG'),
      retryable: false,
    });
  });

  it('that the machine has no room for now is tried again', async () => {
    const ctx = await world.context();
    await sh(ctx, 'true');
    await withoutRoomForFiles(async () => {
      await expect(sh(ctx, 'true')).rejects.toMatchObject({ code: 'worker-busy', retryable: true });
    });
    expect((await sh(ctx, 'echo again')).stdout).toBe('again\n');
  });

  it('that a worker lacks is told before the first package', async () => {
    const { settings } = await world.context();
    expect(await missingTools(settings, 'trivy')).toBeUndefined();
    const bare = { ...settings, path: ['/nonexistent'], programs: {} };
    const told = await missingTools(bare, 'trivy');
    expect(told).toMatch(/wixl \(Debian package `wixl`\).*prlimit \(Debian package `util-linux`\)/);
    expect(told).toMatch(/trivy \(Trivy/);
    expect(told).not.toContain('osv-scanner');
    // Trivy makes the SBOM, whichever scans.
    expect(await missingTools(bare, 'osv-scanner')).toMatch(/trivy \(Trivy.*osv-scanner 2/);
  });

  it('that says the disk is full is tried again elsewhere', async () => {
    const run = sh(await world.context(), 'echo "write: No space left on device" >&2; exit 1');
    await expect(run).rejects.toMatchObject({ code: 'out-of-space', retryable: true });
  });

  it('that fails for the package’s sake is not tried again, and its last words are told', async () => {
    const error = await sh(await world.context(), 'echo "line 3: wrong" >&2; exit 7').catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(PackagingError);
    expect(error).toMatchObject({ code: 'build-failed', retryable: false });
    expect((error as Error).message).toContain('line 3: wrong');
  });

  it('keeps secret output out of log and errors', async () => {
    world.lines.length = 0;
    const ctx = await world.context();
    const { stdout } = await sh(ctx, 'echo hush', { secret: true });
    const error = await sh(ctx, 'echo hush; exit 1', { secret: true }).catch((thrown: unknown) => thrown);
    expect(stdout).toBe('hush\n');
    expect(String(error)).not.toContain('hush');
    expect(world.lines.join('\n')).not.toContain('hush');
  });

  it('takes its input from a file and gives its output to one', async () => {
    const ctx = await world.context();
    const outputFile = join(ctx.workspace, 'out');
    await runTool(ctx, NODE, ['-e', 'process.stdin.pipe(process.stdout)'], {
      inputFile: await world.put('input', 'from a file'),
      outputFile,
    }).catch((error: unknown) => {
      // Node reserves more address space than tools may take.
      expect(error).toMatchObject({ code: 'limit-exceeded' });
    });
    await sh(await world.context(), 'cat', {
      inputFile: world.path('input'),
      outputFile: world.path('copied'),
    });
    expect(await readFile(world.path('copied'), 'utf8')).toBe('from a file');
  });
});

it('Log lines are printable, whole, and of bounded length', () => {
  const lines: string[] = [];
  const log = new LogLines((line) => lines.push(line), 100_000);
  log.add(Buffer.from('\u001b[31mred\u001b[0m and \u0007bell\npar'));
  log.add(Buffer.from('tial\r\n\n'));
  log.add(Buffer.from('x'.repeat(5_000)));
  log.end();
  expect(lines).toEqual(['red and bell', 'partial', 'x'.repeat(2_000)]);
});

it('Versions and hashes of all tools are told', async () => {
  const { tools } = await toolVersions(await world.context());
  const names = tools.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(['nfpm', 'rpmsign', 'wixl', 'osslsigncode', 'openssl', 'trivy']),
  );
  expect(tools.filter(({ version }) => version === 'unknown')).toEqual([]);
  for (const { sha256 } of tools) {
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  }
});
