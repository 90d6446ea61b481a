import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isolationProblem, type ToolContext, toolVersions } from '../../packaging/index.ts';
import { LogLines } from '../../packaging/tools/log-lines.ts';
import { runTool, type ToolOptions } from '../../packaging/tools/run-tool.ts';
import { exec, PackagingWorld } from './support/world.ts';

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
    await expect(sh(ctx, endless, { outputFile })).rejects.toMatchObject({ code: 'tool-missing' });
    // An output that is there already is not overwritten.
    const there = await world.put('there', 'kept');
    await expect(sh(ctx, 'echo new', { outputFile: there })).rejects.toMatchObject({ code: 'tool-missing' });
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
