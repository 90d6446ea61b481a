import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PrivateRootDeb, systemDeb } from '../../agent/deploy/deb.ts';
import { detect, withinRoot } from '../../agent/deploy/detection.ts';
import type { Downloader } from '../../agent/deploy/download.ts';
import type { Installer } from '../../agent/deploy/installer.ts';
import { type InstallerOptions, installerFor } from '../../agent/deploy/native.ts';
import { childEnvironment } from '../../agent/process/environment.ts';
import { type RunOptions, run } from '../../agent/process/run.ts';
import { Tools } from '../../agent/system/tools.ts';
import { deployExecutor } from '../../agent/tasks/deploy.ts';
import { executionOf } from './execution.ts';
import { buildDeb, fakeTools, ranWith, removeFolders, sha256, temporaryFolder } from './support.ts';

afterAll(removeFolders);
const signal = new AbortController().signal;
const tools = new Tools(run, childEnvironment({ PATH: process.env['PATH'] }, 'linux'), 'linux');

function fileOf(content: Buffer): string {
  const path = join(temporaryFolder(), 'package.deb');
  writeFileSync(path, content);
  return path;
}

describe('detection rules', () => {
  const root = temporaryFolder();
  mkdirSync(join(root, 'opt'));
  writeFileSync(join(root, 'opt/a'), 'content');
  symlinkSync('/etc', join(root, 'out'));
  symlinkSync('opt', join(root, 'in'));
  const versionOf = async (name: string) => (name === 'known' ? '1.0' : undefined);

  it.each([
    [{ file_exists: '/opt/a' }, true, /all/],
    [{ file_exists: 'in/a' }, true, /all/],
    [{ file_exists: 'opt/b' }, false, /not there/],
    [{ file_exists: 'opt/a', file_sha256: sha256('content') }, true, /all/],
    [{ file_exists: 'opt/a', file_sha256: sha256('other') }, false, /another SHA-256/],
    [{ file_exists: 'opt', file_sha256: sha256('other') }, false, /not a file/],
    [{ package_name: 'known', file_sha256: sha256('x') }, false, /without file_exists/],
    [{ package_name: 'known' }, true, /all/],
    [{ package_name: 'known', package_version: '1.0' }, true, /all/],
    [{ package_name: 'known', package_version: '2.0' }, false, /has version 1\.0, not 2\.0/],
    [{ package_name: 'unknown' }, false, /not installed/],
    [{ package_version: '1.0' }, false, /neither a file nor a package/],
    [{}, false, /neither/],
  ])('%j: %s', async (rule, holds, reason) => {
    const detection = await detect(rule, { root, versionOf, tools });
    expect(detection).toEqual({ holds, reason: expect.stringMatching(reason) });
  });

  it.each(['../x', '/../../etc/passwd', 'opt/../../x', 'out/passwd'])('may not look at %s', async (path) => {
    await expect(detect({ file_exists: path }, { root, versionOf, tools })).rejects.toThrow(
      /leads out of the install root/,
    );
  });

  it('know names that only look as if they led out', async () => {
    expect(await withinRoot(root, '..a')).toBe(join(root, '..a'));
    expect(await withinRoot('/no/such/root', 'x')).toBe('/no/such/root/x');
  });
});

describe('a private root', () => {
  it('gets packages without scripts by a dpkg database of its own', async () => {
    const root = join(temporaryFolder(), 'root');
    const installer = new PrivateRootDeb(tools, root, temporaryFolder());
    expect(await installer.versionOf('hello')).toBeUndefined();
    const installation = await installer.install(
      fileOf(buildDeb('hello', '1.0-1', { 'opt/hello/a': 'x' })),
      signal,
    );
    expect(installation).toMatchObject({ method: 'dpkg --root', notes: [] });
    expect(existsSync(join(root, 'opt/hello/a'))).toBe(true);
    expect(await installer.versionOf('hello')).toBe('1.0-1');
    await installer.install(fileOf(buildDeb('hello', '1.1-1', { 'opt/hello/b': 'x' })), signal);
    expect(await installer.versionOf('hello')).toBe('1.1-1');
    expect(existsSync(join(root, 'opt/hello/a'))).toBe(false);
  });

  it('gets only the files of packages with scripts, which would change the system', async () => {
    const root = join(temporaryFolder(), 'root');
    const mark = join(temporaryFolder(), 'mark');
    const installer = new PrivateRootDeb(tools, root, temporaryFolder());
    const deb = buildDeb('scripted', '2.0', { 'opt/s': 'x' }, { postinst: `#!/bin/sh\ntouch ${mark}\n` });
    expect(await installer.install(fileOf(deb), signal)).toMatchObject({
      method: 'dpkg-deb -x',
      notes: ['Maintainer scripts were not run: postinst'],
    });
    expect([existsSync(join(root, 'opt/s')), existsSync(mark)]).toEqual([true, false]);
    expect(await installer.versionOf('scripted')).toBe('2.0');
    await installer.install(
      fileOf(buildDeb('other', '3', { 'opt/o': 'x' }, { preinst: '#!/bin/sh\n' })),
      signal,
    );
    expect([await installer.versionOf('scripted'), await installer.versionOf('other')]).toEqual(['2.0', '3']);
  });

  it('unpacks where dpkg cannot keep a database', async () => {
    const folder = temporaryFolder();
    const limited = new Tools(
      (command, args, options) =>
        command === 'dpkg' ? run('false', [], options) : run(command, args, options),
      childEnvironment({}, 'linux'),
      'linux',
    );
    const installer = new PrivateRootDeb(limited, join(folder, 'root'), temporaryFolder());
    expect(await installer.install(fileOf(buildDeb('plain', '1', { 'opt/p': 'x' })), signal)).toMatchObject({
      method: 'dpkg-deb -x',
      notes: [],
    });
  });

  it('refuses what is no package, and says what is missing', async () => {
    const installer = new PrivateRootDeb(tools, join(temporaryFolder(), 'root'), temporaryFolder());
    await expect(installer.install(fileOf(Buffer.from('no package')), signal)).rejects.toThrow(
      /dpkg-deb failed \(exit code 2\)/,
    );
    const bare = new PrivateRootDeb(
      fakeTools('linux', () => undefined),
      join(temporaryFolder(), 'r'),
      temporaryFolder(),
    );
    await expect(bare.install('x', signal)).rejects.toThrow(/dpkg-deb is not installed/);
  });
});

describe('installers', () => {
  const options = (more: Partial<InstallerOptions>): InstallerOptions => ({
    tools: fakeTools('linux', () => ''),
    isRoot: false,
    installRoot: undefined,
    defaultRoot: '/home-of-agent/root',
    scratch: '/tmp',
    ...more,
  });

  it('for deb use the system only as root and without a configured root', () => {
    expect(installerFor('deb', options({ isRoot: true })).root).toBe('/');
    expect(installerFor('deb', options({})).root).toBe('/home-of-agent/root');
    expect(installerFor('deb', options({ isRoot: true, installRoot: '/x' })).root).toBe('/x');
  });

  it.each([
    ['deb', 'win32'],
    ['rpm', 'darwin'],
    ['msi', 'linux'],
    ['pkg', 'win32'],
  ] as const)('for %s say that %s cannot take it', (format, platform) => {
    expect(() => installerFor(format, options({ tools: fakeTools(platform, () => '') }))).toThrow(
      /cannot be installed on/,
    );
  });

  it('other than deb have no private root', () => {
    expect(() => installerFor('rpm', options({ installRoot: '/x' }))).toThrow(/EUCORA_AGENT_INSTALL_ROOT/);
  });

  it('for the system run dpkg, and ask it', async () => {
    const fake = fakeTools('linux', (line) => (line.startsWith('dpkg-query') ? 'installed\t1.2\n' : 'done'));
    const installer = systemDeb(fake, temporaryFolder());
    expect(await installer.install('/x.deb', signal)).toEqual({ method: 'dpkg', output: 'done', notes: [] });
    expect(fake.asked[0]).toBe('dpkg --force-confdef --force-confold -i /x.deb');
    expect(await installer.versionOf('libc6:amd64')).toBe('1.2');
    expect(fake.asked.at(-1)).toContain(' -- libc6:amd64');
  });

  it.each([
    ['rpm', 'linux', 'rpm -U', 'name-1.0\t9\nname\t1.0-1\n', '1.0-1'],
    ['msi', 'win32', 'msiexec /i', '23.01\r\n', '23.01'],
    ['pkg', 'darwin', 'installer -pkg', 'package-id: x\nversion: 4.5\n', '4.5'],
  ] as const)('for %s run %s’s own tool', async (format, platform, command, asked, version) => {
    const fake = fakeTools(platform, (line) => (line.startsWith(command) ? 'ok' : asked));
    const installer = installerFor(format, options({ tools: fake }));
    expect(await installer.install('/p', signal)).toMatchObject({ output: 'ok', notes: [] });
    expect(fake.asked[0]).toContain(command);
    expect(await installer.versionOf('name')).toBe(version);
    const without = installerFor(format, options({ tools: fakeTools(platform, () => undefined) }));
    await expect(without.install('/p', signal)).rejects.toThrow(/is not installed on this machine/);
    expect(await without.versionOf('x')).toBeUndefined();
  });

  it.each([
    ['deb', '*'],
    ['deb', 'a?c'],
    ['deb', '--admindir=/evil'],
    ['deb', 'a b'],
    ['deb', ''],
    ['rpm', '*'],
    ['rpm', '-a'],
    ['rpm', 'a[b]'],
  ] as const)('for %s ask for one package, not for %j', async (format, name) => {
    for (const isRoot of [true, false]) {
      const fake = fakeTools('linux', () => 'installed\t1\n');
      const installer = installerFor(format, options({ tools: fake, isRoot }));
      await expect(installer.versionOf(name)).rejects.toThrow(/cannot be the name of/);
      expect(fake.asked).toEqual([]);
    }
  });

  it('of macOS and Windows take names for what they are', async () => {
    const pkg = installerFor('pkg', options({ tools: fakeTools('darwin', () => '') }));
    await expect(pkg.versionOf('--volume')).rejects.toThrow(/macOS package/);
    const environments: unknown[] = [];
    const name = 'x\u2019; Start-Process calc #';
    const powershell = new Tools(
      async (_command, args, { env }) => {
        environments.push(env['EUCORA_PACKAGE_NAME']);
        expect(args.join(' ')).not.toContain('calc');
        return ranWith({ stdout: '1.2\r\n' });
      },
      {},
      'win32',
    );
    expect(await installerFor('msi', options({ tools: powershell })).versionOf(name)).toBe('1.2');
    expect(environments).toEqual([name]);
  });

  it('are not ended in the middle by a stop, only kept from beginning', async () => {
    const abort = new AbortController();
    const seen: RunOptions[] = [];
    for (const [format, platform] of [
      ['deb', 'linux'],
      ['rpm', 'linux'],
      ['msi', 'win32'],
    ] as const) {
      const slow = new Tools(
        async (_command, _args, given) => {
          seen.push(given);
          return ranWith();
        },
        {},
        platform,
      );
      const installer = installerFor(format, options({ tools: slow, isRoot: true }));
      await installer.install('/p', abort.signal);
      await expect(installer.install('/p', AbortSignal.abort(new Error('stopped')))).rejects.toThrow(
        'stopped',
      );
    }
    expect(seen).toHaveLength(3);
    expect(seen.every(({ signal: own, outputFile }) => own === undefined && outputFile !== undefined)).toBe(
      true,
    );
    expect(seen[0]?.env['DEBIAN_FRONTEND']).toBe('noninteractive');
  });

  it('keep a changed configuration file without asking', async () => {
    const root = join(temporaryFolder(), 'root');
    const installer = new PrivateRootDeb(tools, root, temporaryFolder());
    const deb = (version: string, content: string) =>
      fileOf(buildDeb('conf', version, { 'etc/c': content, 'DEBIAN/conffiles': '/etc/c\n' }));
    await installer.install(deb('1', 'one\n'), signal);
    writeFileSync(join(root, 'etc/c'), 'changed by hand\n');
    expect(await installer.install(deb('2', 'two\n'), signal)).toMatchObject({ method: 'dpkg --root' });
    expect(readFileSync(join(root, 'etc/c'), 'utf8')).toBe('changed by hand\n');
    expect(await installer.versionOf('conf')).toBe('2');
  });

  it('tell failures with the tool’s own words, and restarts that are due', async () => {
    const codes = { exitCode: 3010, stdout: '' };
    const installer = installerFor('msi', options({ tools: fakeTools('win32', () => codes) }));
    expect((await installer.install('x', signal)).notes[0]).toMatch(/restarted/);
    Object.assign(codes, { exitCode: 1603, stdout: 'fatal' });
    await expect(installer.install('x', signal)).rejects.toThrow('msiexec failed (exit code 1603): fatal');
    Object.assign(codes, { exitCode: null });
    await expect(installer.install('x', signal)).rejects.toThrow(/exit code -1/);
  });
});

const resultSchema = z.object({
  body: z.object({
    result: z.object({ package_version: z.string(), replaced: z.array(z.string()).optional() }),
  }),
});

describe('DEPLOY', () => {
  const payload = {
    package_name: 'p',
    package_version: '1',
    artifact: { sha256: sha256('x') },
    deployment_intent: 'ring-1',
  };

  function setup(
    versions: (string | undefined)[],
    fetched: (() => Promise<string>) | undefined = undefined,
    more: Partial<Installer> = {},
  ) {
    const installed: string[] = [];
    const removed: string[] = [];
    const installer: Installer = {
      root: '/',
      versionOf: async () => versions.shift(),
      install: async (path) => {
        installed.push(path);
        return { method: 'fake', output: '', notes: [] };
      },
      remove: async (name) => {
        removed.push(name);
        return { method: 'fake removal', output: '', notes: [] };
      },
      ...more,
    };
    const fetch: Downloader['fetch'] = async ({ onProgress }) => {
      onProgress(1, undefined);
      onProgress(1, 0);
      for (let part = 0; part <= 100; part += 1) onProgress(part, 100);
      const path = join(temporaryFolder(), 'artifact');
      writeFileSync(path, 'x');
      return path;
    };
    const reports: string[] = [];
    const execution = {
      ...executionOf(payload),
      report: (report: {
        status: string;
        progress?: number | null | undefined;
        error?: string | null | undefined;
      }) => reports.push(`${report.status} ${report.progress ?? report.error}`),
    };
    const downloader = { fetch: fetched ?? fetch } as unknown as Downloader;
    return {
      execute: deployExecutor({
        downloader,
        installerFor: () => installer,
        tools,
        scratch: temporaryFolder(),
      }),
      execution,
      reports,
      installed,
      removed,
    };
  }

  it('downloads, installs and verifies, and reports each step', async () => {
    const { execute, execution, reports, installed } = setup([undefined, '1']);
    expect(await execute(execution)).toMatchObject({
      word: 'complete',
      body: { result: { package_name: 'p', already_installed: false, method: 'fake', install_root: '/' } },
    });
    expect(installed[0]).toMatch(/artifact\.deb$/);
    expect(existsSync(installed[0] ?? '')).toBe(false);
    expect(reports).toEqual([
      'DOWNLOADING 0',
      ...[10, 20, 30, 40, 50, 60].map((part) => `DOWNLOADING ${part}`),
      'INSTALLING 60',
      'VERIFYING 90',
      'INSTALLED 100',
    ]);
  });

  it.each([
    ['2', true, ['p'], ['p 2']],
    // An upgrade, and a tool that goes back by itself: nothing is taken away before.
    ['0.9', true, [], undefined],
    [undefined, true, [], undefined],
    ['2', false, [], undefined],
  ])(
    'goes back from %s where the tool refuses older versions: %s',
    async (before, refusesOlder, gone, told) => {
      const versions = refusesOlder ? [before, before, '1'] : [before, '1'];
      const { execute, execution, removed, installed } = setup(versions, undefined, { refusesOlder });
      const { result } = resultSchema.parse(await execute(execution)).body;
      expect([result.package_version, result.replaced]).toEqual(['1', told]);
      expect([removed, installed.length]).toEqual([gone, 1]);
    },
  );

  it('knows that Windows Installer refuses older versions, and that the others do not', () => {
    const of = (format: 'deb' | 'rpm' | 'msi' | 'pkg', platform: NodeJS.Platform) =>
      installerFor(format, {
        tools: fakeTools(platform, () => ''),
        isRoot: true,
        installRoot: undefined,
        defaultRoot: '/r',
        scratch: temporaryFolder(),
      }).refusesOlder ?? false;
    expect([of('msi', 'win32'), of('rpm', 'linux'), of('deb', 'linux'), of('pkg', 'darwin')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('does nothing when it is there already, and says so', async () => {
    const { execute, execution, reports, installed } = setup(['1']);
    expect(await execute(execution)).toMatchObject({ body: { result: { already_installed: true } } });
    expect([installed, reports]).toEqual([[], ['INSTALLED 100']]);
  });

  it('fails when the rule does not hold afterwards', async () => {
    const { execute, execution, reports } = setup([undefined, '0.9']);
    await expect(execute(execution)).rejects.toThrow(
      /detection rule does not hold: the package p has version 0\.9/,
    );
    expect(reports.at(-1)).toMatch(/^FAILED Installed, but/);
  });

  it('installs nothing when the download fails or the task is stopped', async () => {
    const { execute, execution, reports, installed } = setup([undefined], () =>
      Promise.reject(new Error('wrong hash')),
    );
    await expect(execute(execution)).rejects.toThrow('wrong hash');
    expect([installed, reports.at(-1)]).toEqual([[], 'FAILED wrong hash']);
    const stopped = setup([undefined], () => Promise.reject(new Error('aborted')));
    const aborted = {
      ...stopped.execution,
      signal: AbortSignal.abort(new Error('CANCELLED by an operator')),
    };
    await expect(stopped.execute(aborted)).rejects.toThrow();
    expect(stopped.reports.at(-1)).toBe('FAILED CANCELLED by an operator');
  });

  it('checks its payload', async () => {
    const { execute } = setup([]);
    await expect(execute(executionOf({ package_name: 'x' }))).rejects.toThrow(/package_version: /);
    const withoutArtifact = executionOf({ package_name: 'x', package_version: '1' });
    await expect(execute(withoutArtifact)).rejects.toThrow(/artifact: is needed to install/);
  });
});
