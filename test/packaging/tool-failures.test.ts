import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isolationProblem, type ToolContext, toolVersions } from '../../packaging/index.ts';
import { withFolderLock } from '../../packaging/tools/folder-lock.ts';
import { LogLines } from '../../packaging/tools/log-lines.ts';
import { runTool, type ToolOptions } from '../../packaging/tools/run-tool.ts';
import { withoutRoomForFiles } from './support/room.ts';
import { exec, PackagingWorld } from './support/world.ts';

/** As bubblewrap does in the process that has yet to set up what the tool sees. */
const CLOSES_STATUS =
  'for argument; do [ "$before" = --json-status-fd ] && eval "exec $argument>&-"; before=$argument; done';

let world: PackagingWorld;
beforeAll(async () => {
  world = await PackagingWorld.open();
});
afterAll(() => world.close());

const SHELL = { name: 'shell', path: '/bin/sh' };
const sh = (ctx: ToolContext, script: string, options: ToolOptions = {}) =>
  runTool(ctx, SHELL, ['-c', script], options);

/** A folder that holds only these programs, as links. */
async function onlyPrograms(name: string, programs: readonly string[]): Promise<string> {
  const folder = world.path(name);
  await mkdir(folder);
  for (const program of programs) {
    const { stdout } = await exec('sh', ['-c', `command -v ${program}`]);
    await symlink(stdout.trim(), join(folder, program));
  }
  return folder;
}

describe('A tool', () => {
  it('that cannot be started is told as such, and is not waited for', async () => {
    const ctx = await world.context();
    await expect(sh(ctx, 'true', { cwd: world.path('nowhere') })).rejects.toMatchObject({
      code: 'tool-missing',
      message: 'shell could not be started (ENOENT)',
      retryable: false,
    });
  });

  it('that cannot be started with its input takes nothing with it', async () => {
    const ctx = await world.context();
    const inputFile = await world.put('given', 'text');
    for (let n = 0; n < 5; n += 1)
      await expect(sh(ctx, 'cat', { inputFile, cwd: world.path('nowhere') })).rejects.toMatchObject({
        code: 'tool-missing',
      });
    for (let n = 0; n < 20; n += 1)
      await expect(sh(ctx, 'cat', { inputFile })).resolves.toMatchObject({ stdout: 'text' });
  });

  it('is ended when its output has nowhere to go', async () => {
    const ctx = await world.context();
    const outputFile = world.path('no-folder/output');
    const endless = 'while :; do echo more; done';
    // No fault of the tool, nor of a package.
    await expect(sh(ctx, endless, { outputFile })).rejects.toThrow(
      'What shell printed could not be kept (ENOENT)',
    );
    // An output that is there already is not overwritten.
    const there = await world.put('there', 'kept');
    await expect(sh(ctx, 'echo new', { outputFile: there })).rejects.toThrow(
      'What shell printed could not be kept (EEXIST)',
    );
    expect(await readFile(there, 'utf8')).toBe('kept');
  });

  it.each([{ quiet: true }, { secret: true }])(
    'whose answer is longer than it may be gives none, where the answer is what counts: %j',
    async (options) => {
      const ctx = await world.context({ limits: { outputBytes: 10 } });
      await expect(sh(ctx, 'echo 0123456789', options)).rejects.toMatchObject({
        code: 'limit-exceeded',
        reason: 'output',
      });
      await expect(sh(ctx, 'printf 0123456789', options)).resolves.toMatchObject({ stdout: '0123456789' });
    },
  );

  it('that finds no room for a process of its own is tried again', async () => {
    // Limits on processes do not hold for root.
    const user = process.getuid?.() === 0 ? 'setpriv --reuid 65534 --clear-groups ' : '';
    const crowded = sh(
      await world.context(),
      `exec ${user}prlimit --nproc=1 sh -c 'sleep 0; sleep 0; echo never'`,
      { unconfined: true },
    );
    await expect(crowded).rejects.toMatchObject({ code: 'worker-busy', retryable: true });
  });

  it.each([
    ["RuntimeError: can't start new thread", ''],
    ['main.c:1: error: thread: resource temporarily unavailable', ''],
    ['main.c:1: error: sh: 1: Cannot fork', ''],
    ['begun\nbwrap: pretend: too many open files', ''],
    ['bwrap: pretend: too many open files', 'begun'],
    ['bwrap: pretend: too many open files', ''],
  ])('that says “%s” of its own is not tried again', async (words, printed) => {
    await expect(
      sh(await world.context(), `printf '%s' "${printed}"; echo "${words}" >&2; exit 1`),
    ).rejects.toMatchObject({ code: 'build-failed', retryable: false });
  });

  it.each([
    ["Can't fork for pid 1: Resource temporarily unavailable", 'worker-busy'],
    ['Creating new namespace failed: Cannot allocate memory', 'worker-busy'],
    ['Creating new namespace failed: nesting depth or max_*_namespaces exceeded (ENOSPC)', 'worker-busy'],
    ['Creating new namespace failed: Operation not permitted', 'build-failed'],
  ])('whose sandbox says “%s” has given no answer: %s', async (words, code) => {
    const stem = words.replaceAll(/[^a-z]/gi, '');
    const once = world.path(`${stem}-worked`);
    // It worked when it was tried.
    const bwrap = await world.put(
      `${stem}-bwrap`,
      `#!/bin/sh\n[ -e '${once}' ] || { touch '${once}'; exit 0; }\necho "bwrap: ${words}" >&2\nexit 1\n`,
      0o755,
    );
    const ctx = await world.context({ settings: { programs: { bwrap } } });
    await expect(sh(ctx, 'true', { exitCodes: code === 'worker-busy' ? [0, 1] : [0] })).rejects.toMatchObject(
      {
        code,
      },
    );
  });

  it.each([
    ['takes too long, as one that is killed does', 'kill -9 $$'],
    ['finds no room for a process', `echo "bwrap: Can't fork: Resource temporarily unavailable" >&2; exit 1`],
  ])('that must be cut off is tried again when trying the sandbox %s', async (_, trouble) => {
    const name = `bwrap-${trouble.length}`;
    const calm = world.path(`${name}-calm`);
    const program = await world.put(
      `trial/${name}`,
      `#!/bin/sh\n${CLOSES_STATUS}\n[ -e '${calm}' ] || { ${trouble}; }\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n`,
      0o755,
    );
    const programs = { bwrap: program, unshare: '/bin/false' };
    const ctx = await world.context({ settings: { isolation: 'required', programs } });
    await expect(sh(ctx, 'true')).rejects.toMatchObject({ code: 'worker-busy', retryable: true });
    // Not even where less would do, if there were no more to be had.
    const preferred = await world.context({ settings: { isolation: 'preferred', programs } });
    await expect(sh(preferred, 'true')).rejects.toMatchObject({ code: 'worker-busy', retryable: true });
    // Nor where the next best works, which would see every file.
    const lesser = await world.context({
      settings: { isolation: 'preferred', programs: { bwrap: program } },
    });
    await expect(sh(lesser, 'true')).rejects.toMatchObject({ code: 'worker-busy', retryable: true });
    await world.put(`${name}-calm`, '');
    expect((await sh(ctx, 'echo done')).stdout).toBe('done\n');
  });

  it('sees no more because an argument names the root, or what is neither file nor folder', async () => {
    const ctx = await world.context();
    const other = await world.put('other-pipeline/source', 'of another pipeline');
    const see = async (argument: string): Promise<string> =>
      (
        await runTool(ctx, SHELL, ['-c', `cat '${other}' 2>&1; ls "$0" 2>&1`, argument], {
          exitCodes: [0, 2],
        })
      ).stdout;
    expect(await see('/')).not.toContain('of another pipeline');
    const pipe = world.path('pipe');
    await exec('mkfifo', [pipe]);
    expect(await see(pipe)).toMatch(/cannot access/);
  });
});

it('A worker without bubblewrap and unshare runs tools uncovered only when it may', async () => {
  const path = [await onlyPrograms('bare', ['prlimit', 'sh'])];
  const ctx = await world.context({ settings: { path } });
  expect((await sh(ctx, 'echo uncovered')).stdout).toBe('uncovered\n');
  expect(await isolationProblem({ ...ctx.settings, isolation: 'required' })).toMatch(/Install bubblewrap/);
});

it('Only tools that are there are told, also such as name no version', async () => {
  const mute = await world.put('mute', '#!/bin/sh\necho ready\n', 0o755);
  const told = await world.put('told', '#!/bin/sh\necho "Version: rolling"\n', 0o755);
  const path = [await onlyPrograms('few', ['prlimit', 'sh'])];
  const ctx = await world.context({ settings: { path, programs: { trivy: mute, nfpm: told } } });
  expect(await toolVersions(ctx)).toMatchObject({
    tools: [
      { name: 'nfpm', version: 'rolling' },
      { name: 'trivy', version: 'unknown' },
    ],
    isolation: 'none',
  });
});

it('Log lines that break off in the middle of a sign are whole again in the next part', () => {
  const lines: string[] = [];
  const log = new LogLines((line) => lines.push(line), 1_000);
  const bytes = Buffer.from('größer\n');
  log.add(bytes.subarray(0, 3));
  log.add(bytes.subarray(3));
  log.end();
  expect(lines).toEqual(['größer']);
});

describe('A folder', () => {
  const lock = async (flock: string, onWait: () => void) =>
    withFolderLock(
      await world.context({ settings: { programs: { flock } } }),
      world.root,
      onWait,
      async () => 'done',
    );

  it('whose lock fails is told with the reason, and not as held by another worker', async () => {
    const flock = await world.put('flock-66', '#!/bin/sh\necho "flock: no such lock" >&2\nexit 66\n', 0o755);
    const onWait = jest.fn();
    await expect(lock(flock, onWait)).rejects.toMatchObject({
      code: 'worker-busy',
      message: expect.stringContaining('flock ended with 66: flock: no such lock'),
    });
    expect(onWait).not.toHaveBeenCalled();
  });

  it('is locked by another try when the machine has no room to start what locks it', async () => {
    const ctx = await world.context();
    await withoutRoomForFiles(async () => {
      await expect(
        withFolderLock(
          ctx,
          world.root,
          () => undefined,
          async () => 'done',
        ),
      ).rejects.toMatchObject({ code: 'worker-busy', message: expect.stringContaining('EMFILE') });
    });
  });
});
