import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackageFormat } from '../../contracts/packaging-pipeline/description.ts';
import { layOut } from '../../packaging/build/lay-out.ts';
import { packageScripts } from '../../packaging/build/scripts.ts';
import { guidOf, wixSource } from '../../packaging/build/windows.ts';
import type { ToolContext } from '../../packaging/index.ts';
import { describePackage } from './support/descriptions.ts';
import { exec, PackagingWorld } from './support/world.ts';

let world: PackagingWorld;
beforeAll(async () => {
  world = await PackagingWorld.open();
});
afterAll(() => world.close());

const SERVICE = {
  name: 'hello-eucora',
  description: 'Says hello, 100 % of the time',
  arguments: ['--greeting', 'a "quoted" word', '100%', '$HOME', 'back\\slash'],
};
const unixService = { ...SERVICE, program: '/usr/bin/hello-eucora', user: 'hello' };
const scripts = {
  pre_install: '#!/bin/sh\necho own pre_install\n',
  post_install: 'echo own post_install\nexit 3\n',
  pre_remove: 'echo own pre_remove\n',
  post_remove: 'echo own post_remove\n',
};

/** Runs a script as the package manager would, where systemctl only says how it was called. */
async function runScript(script: string, args: readonly string[] = [], systemd = true) {
  const bin = world.path('fake-bin');
  await mkdir(bin, { recursive: true });
  const says = '#!/bin/sh\necho "$(basename "$0") $*"\n';
  for (const name of ['systemctl', 'launchctl']) await world.put(`fake-bin/${name}`, says, 0o755);
  // The folder by which systemd shows that it runs.
  const there = script.replaceAll('/run/systemd/system', systemd ? '/usr' : '/nowhere');
  const file = await world.put('script', there, 0o755);
  return exec('/bin/sh', [file, ...args], { env: { PATH: `${bin}:/usr/bin:/bin` } }).then(
    ({ stdout }) => ({ code: 0, lines: stdout.trim().split('\n') }),
    (error: { code: number; stdout: string }) => ({
      code: error.code,
      lines: error.stdout.trim().split('\n'),
    }),
  );
}

describe('Scripts of a package', () => {
  it.each([
    ['deb', 'remove'],
    ['rpm', '0'],
  ] as const)('as %s start its services after its own, and stop them before', async (format, removal) => {
    const made = packageScripts(
      describePackage(format, {
        services: [unixService],
        scripts: { ...scripts, post_install: 'echo own post_install\n' },
      }),
    );
    expect(await runScript(made.post_install ?? '')).toEqual({
      code: 0,
      lines: [
        'own post_install',
        'systemctl daemon-reload',
        'systemctl enable hello-eucora.service',
        'systemctl restart hello-eucora.service',
      ],
    });
    expect((await runScript(made.pre_remove ?? '', [removal])).lines).toEqual([
      'systemctl disable --now hello-eucora.service',
      'own pre_remove',
    ]);
    // An upgrade is no removal: the services stay as they are.
    expect((await runScript(made.pre_remove ?? '', ['upgrade'])).lines).toEqual(['own pre_remove']);
    expect((await runScript(made.post_install ?? '', [], false)).lines).toEqual(['own post_install']);
  });

  it('that fail make the package fail, and what follows is not done', async () => {
    const made = packageScripts(describePackage('deb', { services: [unixService], scripts }));
    expect(await runScript(made.post_install ?? '')).toEqual({ code: 3, lines: ['own post_install'] });
  });

  it('are as they were given where there are no services, and of services where none were given', async () => {
    const own = packageScripts(
      describePackage('deb', { scripts: { pre_install: '#!/bin/bash -e\ntrue\n', post_install: 'true' } }),
    );
    expect(own).toEqual({ pre_install: '#!/bin/bash -e\ntrue\n\n', post_install: '#!/bin/sh\ntrue\n' });
    expect(Object.keys(packageScripts(describePackage('rpm', { services: [unixService] })))).toEqual([
      'post_install',
      'pre_remove',
      'post_remove',
    ]);
    expect(packageScripts(describePackage('pkg'))).toEqual({});
  });

  it('on macOS load jobs into the running system alone', async () => {
    const made = packageScripts(describePackage('pkg', { services: [unixService] }));
    const args = ['package', '/target'];
    expect((await runScript(made.post_install ?? '', [...args, '/'])).lines).toEqual([
      'launchctl bootout system/hello-eucora',
      'launchctl bootstrap system /Library/LaunchDaemons/hello-eucora.plist',
    ]);
    expect((await runScript(made.post_install ?? '', [...args, '/Volumes/other'])).lines).toEqual(['']);
  });
});

describe('A package with services, scripts and relations', () => {
  const RELATIONS = {
    depends: [
      { name: 'base', relation: '>=', version: '1.2' },
      { name: 'older', relation: '<', version: '3' },
      { name: 'newer', relation: '>', version: '2' },
      { name: 'plain' },
    ],
    conflicts: [{ name: 'rival' }],
  };
  const described = {
    services: [unixService],
    scripts,
    ...RELATIONS,
    description: 'In more words\nof $HOME',
  };

  it('as deb tells them to dpkg', async () => {
    const { built } = await world.build('deb', described);
    const folder = world.path('control');
    await exec('dpkg-deb', ['-e', built.file, folder]);
    const control = await readFile(join(folder, 'control'), 'utf8');
    expect(control).toContain('Depends: base (>= 1.2), older (<< 3), newer (>> 2), plain');
    expect(control).toContain('Conflicts: rival');
    expect(control).toContain('Description: Says hello\n In more words\n of $HOME');
    for (const name of ['preinst', 'postinst', 'prerm', 'postrm'])
      expect(await readFile(join(folder, name), 'utf8')).toContain('echo own');
    const unit = await readFile(join(built.tree, 'usr/lib/systemd/system/hello-eucora.service'), 'utf8');
    expect(unit.split('\n')).toEqual(
      expect.arrayContaining([
        'Description=Says hello, 100 %% of the time',
        // systemd expands % and $; doubled, they are themselves.
        'ExecStart="/usr/bin/hello-eucora" "--greeting" "a \\"quoted\\" word" "100%%" "$$HOME" "back\\\\slash"',
        'User=hello',
        'Restart=on-failure',
      ]),
    );
  });

  it('as rpm tells them to rpm', async () => {
    const { built } = await world.build('rpm', {
      ...described,
      services: [{ ...unixService, user: undefined, restart: false }],
    });
    const ask = async (...what: string[]) =>
      (await exec('rpm', ['-qp', '--nosignature', ...what, built.file])).stdout;
    expect((await ask('--requires')).split('\n')).toEqual(
      expect.arrayContaining(['base >= 1.2', 'older < 3', 'newer > 2', 'plain']),
    );
    expect(await ask('--conflicts')).toContain('rival');
    expect(await ask('--scripts')).toContain('own pre_remove');
    expect(await ask('--qf', '%{SUMMARY}|%{DESCRIPTION}')).toBe('Says hello|In more words\nof $HOME');
    const unit = await readFile(join(built.tree, 'usr/lib/systemd/system/hello-eucora.service'), 'utf8');
    expect(unit).toContain('Restart=no');
    expect(unit).not.toContain('User=');
  });

  it('as macOS package carries jobs that the system can read, and its scripts', async () => {
    const { pre_install, post_install } = scripts;
    const { built } = await world.build('pkg', {
      services: [unixService, { ...unixService, name: 'second', user: undefined, restart: false }],
      scripts: { pre_install, post_install },
    });
    const job = async (name: string): Promise<Record<string, unknown>> => {
      const file = join(built.tree, `Library/LaunchDaemons/${name}.plist`);
      const read = 'import plistlib, json, sys; print(json.dumps(plistlib.load(open(sys.argv[1], "rb"))))';
      return JSON.parse((await exec('python3', ['-c', read, file])).stdout) as Record<string, unknown>;
    };
    expect(await job('hello-eucora')).toEqual({
      Label: 'hello-eucora',
      ProgramArguments: ['/usr/bin/hello-eucora', ...SERVICE.arguments],
      RunAtLoad: true,
      KeepAlive: true,
      UserName: 'hello',
    });
    expect(await job('second')).toMatchObject({ KeepAlive: false });
    const folder = world.path('mac');
    await exec('7z', ['x', '-y', `-o${folder}`, built.file]);
    const info = await readFile(join(folder, 'hello-eucora.pkg/PackageInfo'), 'utf8');
    expect(info).toContain('<preinstall file="./preinstall"');
    expect(info).toContain('<postinstall file="./postinstall"');
    const listed = (
      await exec('sh', ['-c', `gzip -dc '${folder}/hello-eucora.pkg/Scripts' | cpio -t 2>/dev/null`])
    ).stdout;
    expect(listed.split('\n')).toEqual(expect.arrayContaining(['./preinstall', './postinstall']));
  });

  it('as msi installs and starts them', async () => {
    const service = { ...SERVICE, program: 'hello.exe' };
    const { built } = await world.build('msi', {
      services: [service, { ...service, name: 'plain', arguments: [] }],
    });
    const table = async (name: string) => (await exec('msiinfo', ['export', built.file, name])).stdout;
    const installed = await table('ServiceInstall');
    expect(installed).toContain('hello-eucora\tSays hello, 100 % of the time');
    expect(installed).toContain('--greeting "a \\"quoted\\" word" 100% $HOME back\\slash');
    expect(
      (await table('ServiceControl')).split('\n').filter((line) => line.includes('hello-eucora')),
    ).toHaveLength(1);
  });
});

describe('An msi is not built', () => {
  async function laidOut(changes: object, prepare: (root: string, ctx: ToolContext) => Promise<void>) {
    const ctx = await world.context();
    const description = describePackage('msi', changes);
    const root = join(ctx.workspace, 'source');
    await mkdir(join(root, 'bin'), { recursive: true });
    await mkdir(join(root, 'lib'));
    await writeFile(join(root, 'bin/hello'), 'hello');
    await prepare(root, ctx);
    const staged = { root, kind: 'archive' as const, original: undefined, files: 1, bytes: 1 };
    return wixSource(await layOut(ctx, staged, description), description);
  }

  it.each([
    [
      'with a name that Windows reserves',
      (root: string) => writeFile(join(root, 'lib/CON.txt'), 'x'),
      'windows-name',
    ],
    [
      'with a name that ends in a dot',
      (root: string) => writeFile(join(root, 'lib/dot.'), 'x'),
      'windows-name',
    ],
    ['with a link', (root: string) => symlink('../bin/hello', join(root, 'lib/link')), 'link'],
  ])('%s', async (_, prepare, reason) => {
    await expect(laidOut({}, prepare)).rejects.toMatchObject({ code: 'build-failed', reason });
  });

  it('with a service whose program it does not install', async () => {
    const services = [{ ...SERVICE, program: 'other.exe' }];
    await expect(laidOut({ services }, async () => undefined)).rejects.toMatchObject({
      reason: 'missing-file',
    });
  });

  it('for a processor that the compiler does not know', async () => {
    await expect(world.build('msi', { architecture: 'arm64' })).rejects.toMatchObject({
      reason: 'unsupported-architecture',
    });
  });
});

it('The same product has the same GUIDs each time, and another version another one', () => {
  const upgrade = '7F2C1D8E-3B4A-4C5D-8E6F-901234567890';
  expect(guidOf(upgrade, 'a')).toBe(guidOf(upgrade, 'a'));
  expect(guidOf(upgrade, 'a')).not.toBe(guidOf(upgrade, 'b'));
  expect(guidOf(upgrade, 'a')).toMatch(
    /^[0-9A-F]{8}-[0-9A-F]{4}-5[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/,
  );
});

it.each<PackageFormat>(['deb', 'rpm', 'pkg'])(
  'A %s whose description names a file that is not there is not built',
  async (format) => {
    const files = [{ from: 'nowhere', to: '/usr/bin/hello-eucora' }];
    await expect(world.build(format, { files })).rejects.toMatchObject({
      code: 'build-failed',
      reason: 'missing-file',
    });
  },
);
