import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PrivateRootDeb } from '../../agent/deploy/deb.ts';
import { detect } from '../../agent/deploy/detection.ts';
import { installerFor } from '../../agent/deploy/native.ts';
import {
  describeForPackages,
  type Machine,
  missingDependency,
  unmetRequirement,
} from '../../agent/deploy/requirements.ts';
import { compareVersions, satisfies } from '../../agent/deploy/versions.ts';
import { childEnvironment } from '../../agent/process/environment.ts';
import { run } from '../../agent/process/run.ts';
import { readOsRelease } from '../../agent/system/os-release.ts';
import { Tools } from '../../agent/system/tools.ts';
import { requirementsSchema } from '../../contracts/agent-task/package-rules.ts';
import { fc } from '../harness/properties.ts';
import { buildDeb, fakeTools, removeFolders, temporaryFolder } from './support.ts';

afterAll(removeFolders);
const signal = new AbortController().signal;
const tools = new Tools(run, childEnvironment({ PATH: process.env['PATH'] }, 'linux'), 'linux');

describe('versions', () => {
  const byDpkg = (one: string, other: string): number => {
    const says = (operator: string) => {
      try {
        execFileSync('dpkg', ['--compare-versions', one, operator, other], { stdio: 'ignore' });
        return true;
      } catch {
        return false;
      }
    };
    return says('lt') ? -1 : says('gt') ? 1 : 0;
  };

  it('are in the order of dpkg', () => {
    const part = fc.stringMatching(/^[0-9]{1,3}([.+~][0-9a-z]{1,3}){0,3}$/);
    const version = fc
      .tuple(fc.option(fc.nat(3)), part, fc.option(part))
      .map(([epoch, upstream, revision]) =>
        [epoch === null ? '' : `${epoch}:`, upstream, revision === null ? '' : `-${revision}`].join(''),
      );
    fc.assert(
      fc.property(version, version, (one, other) => {
        expect(Math.sign(compareVersions(one, other))).toBe(byDpkg(one, other));
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ['1.10', '>', '1.9', true],
    ['1.0~rc1', '<', '1.0', true],
    ['1:1.0', '>', '9.9', true],
    ['2.0-1', '>=', '2.0-1', true],
    ['2.0-1', '<=', '2.0-0', false],
    ['007', '=', '7', true],
  ] as const)('%s %s %s: %s', (version, operator, wanted, holds) => {
    expect(satisfies(version, operator, wanted)).toBe(holds);
  });
});

describe('detection by version, registry and file', () => {
  const root = temporaryFolder();
  mkdirSync(join(root, 'opt'));
  writeFileSync(join(root, 'opt/tool'), `${'\0'.repeat(100)}tool version 2.4.1 (stable)`);
  writeFileSync(join(root, 'opt/blank'), 'nothing');
  const versionOf = async (name: string) => (name === 'known' ? '1.10-2' : undefined);

  it.each([
    [{ package_name: 'known', package_version: '1.9', package_version_operator: '>=' }, true, /all/],
    [
      { package_name: 'known', package_version: '1.11', package_version_operator: '>=' },
      false,
      /not >= 1\.11/,
    ],
    [{ package_name: 'known', package_version: '1.10', package_version_operator: '=' }, false, /not 1\.10/],
    [{ package_version: '1', file_exists: 'opt/tool' }, false, /package_version without package_name/],
    [{ file_exists: 'opt/tool', file_version: '2.4.1' }, true, /all/],
    [{ file_exists: 'opt/tool', file_version: '2.5', file_version_operator: '<' }, true, /all/],
    [
      { file_exists: 'opt/tool', file_version: '3.0', file_version_operator: '>=' },
      false,
      /2\.4\.1, not >= 3/,
    ],
    [{ file_exists: 'opt/blank', file_version: '1' }, false, /tells no version/],
    [{ file_version: '1', package_name: 'known' }, false, /file_version without file_exists/],
    [{ registry_key: 'HKLM\\Software\\X' }, false, /no registry/],
    [{ registry_value: 'x', package_name: 'known' }, false, /registry_value without registry_key/],
  ] as const)('%j: %s', async (rule, holds, reason) => {
    const detection = await detect(rule, { root, versionOf, tools });
    expect(detection).toEqual({ holds, reason: expect.stringMatching(reason) });
  });

  describe('on Windows', () => {
    const printed = '\r\nHKEY_LOCAL_MACHINE\\Software\\Vendor\r\n    Version    REG_SZ    3.1\r\n';
    const windows = fakeTools('win32', (line) => {
      if (line.startsWith('powershell')) return '4.5.6.7\r\n';
      return line.includes('HKLM\\Software\\Vendor') && !line.includes('Missing') ? printed : undefined;
    });
    const key = 'HKLM\\Software\\Vendor';
    it.each([
      [{ registry_key: key }, true],
      [{ registry_key: 'HKLM\\Software\\Other' }, false],
      [{ registry_key: 'C:\\no\\key' }, false],
      [{ registry_key: key, registry_value: 'Version' }, true],
      [{ registry_key: key, registry_value: 'Missing' }, false],
      [{ registry_key: key, registry_value: 'Version', registry_data: '3.1' }, true],
      [{ registry_key: key, registry_value: 'Version', registry_data: '3.2' }, false],
      [{ registry_key: key, registry_data: '3.1' }, false],
      [{ file_exists: 'opt/tool', file_version: '4.5.6.7' }, true],
    ] as const)('%j: %s', async (rule, holds) => {
      expect((await detect(rule, { root, versionOf, tools: windows })).holds).toBe(holds);
    });
  });
});

describe('requirements', () => {
  const machine: Machine = { architecture: 'amd64', platformVersion: '12', memoryMb: 4_096, freeDiskMb: 500 };

  it.each([
    [{}, undefined],
    [{ architectures: ['amd64', 'arm64'], min_platform_version: '12', min_memory_mb: 4_096 }, undefined],
    [{ architectures: ['arm64'] }, /is amd64; the package needs arm64/],
    [{ min_platform_version: '12.1' }, /has version 12; the package needs 12\.1/],
    [{ min_memory_mb: 4_097 }, /has 4096 MiB of memory/],
    [{ min_free_disk_mb: 501 }, /500 MiB are free/],
  ] as const)('%j', (requirements, unmet) => {
    const told = unmetRequirement(requirementsSchema.parse(requirements), machine);
    if (unmet === undefined) expect(told).toBeUndefined();
    else expect(told).toMatch(unmet);
  });

  it('are held against what this machine really is, also where the root is not there yet', async () => {
    const found = await describeForPackages(tools, join(temporaryFolder(), 'not/there'));
    const { VERSION_ID } = await readOsRelease();
    expect(found.platformVersion).toBe(VERSION_ID);
    expect(['amd64', 'arm64', '386', 'arm']).toContain(found.architecture);
    expect(found.memoryMb).toBeGreaterThan(0);
    expect(found.freeDiskMb).toBeGreaterThan(0);
    expect(await readOsRelease('/no/such/file')).toEqual({});
    const mac = fakeTools('darwin', () => '14.2\n');
    expect((await describeForPackages(mac, '/')).platformVersion).toBe('14.2');
    expect(
      (
        await describeForPackages(
          fakeTools('win32', () => ''),
          '/',
        )
      ).platformVersion,
    ).toMatch(/^\d/);
  });

  it('name the dependency that is missing', async () => {
    const versionOf = async (name: string) => (name === 'base' ? '2.0-1' : undefined);
    const missing = (dependency: Parameters<typeof missingDependency>[0][number]) =>
      missingDependency([{ package_name: 'base' }, dependency], versionOf);
    expect(await missing({ package_name: 'base', version: '2.0' })).toBeUndefined();
    expect(await missing({ package_name: 'base', version: '3.0' })).toMatch(/2\.0-1; >= 3\.0 is needed/);
    expect(await missing({ package_name: 'base', version: '2.0', operator: '<' })).toMatch(/< 2\.0/);
    expect(await missing({ package_name: 'other' })).toMatch(/other is not installed/);
  });
});

describe('uninstalling', () => {
  const fileOf = (content: Buffer): string => {
    const path = join(temporaryFolder(), 'package.deb');
    writeFileSync(path, content);
    return path;
  };

  it('takes packages out of a private root, with and without dpkg’s help', async () => {
    const root = join(temporaryFolder(), 'root');
    const installer = new PrivateRootDeb(tools, root, temporaryFolder());
    await installer.install(fileOf(buildDeb('plain', '1', { 'opt/plain': 'x' })), signal);
    await installer.install(
      fileOf(buildDeb('scripted', '1', { 'opt/s': 'x', 'opt/old': 'y' }, { postinst: '#!/bin/sh\n' })),
      signal,
    );
    await installer.install(
      fileOf(buildDeb('scripted', '2', { 'opt/s': 'z' }, { postinst: '#!/bin/sh\n' })),
      signal,
    );
    expect([existsSync(join(root, 'opt/old')), readFileSync(join(root, 'opt/s'), 'utf8')]).toEqual([
      false,
      'z',
    ]);
    expect(await installer.remove('plain', signal)).toMatchObject({ method: 'dpkg --root --remove' });
    expect(await installer.remove('scripted', signal)).toMatchObject({ notes: ['1 files were deleted'] });
    expect([await installer.versionOf('plain'), await installer.versionOf('scripted')]).toEqual([
      undefined,
      undefined,
    ]);
    expect([existsSync(join(root, 'opt/plain')), existsSync(join(root, 'opt/s'))]).toEqual([false, false]);
    await expect(installer.remove('--all', signal)).rejects.toThrow(/cannot be the name/);
  });

  it('goes by the system’s own tools elsewhere', async () => {
    const options = { isRoot: true, installRoot: undefined, defaultRoot: '/r', scratch: temporaryFolder() };
    const linux = fakeTools('linux', () => '');
    await installerFor('deb', { ...options, tools: linux }).remove('p', signal);
    await installerFor('rpm', { ...options, tools: linux }).remove('p', signal);
    expect(linux.asked).toEqual(['dpkg --remove -- p', 'rpm -e -- p']);
    const code = '{01234567-89AB-CDEF-0123-456789ABCDEF}';
    const windows = fakeTools('win32', (line) => (line.startsWith('powershell') ? `${code}\r\n` : ''));
    await installerFor('msi', { ...options, tools: windows }).remove('p', signal);
    expect(windows.asked.at(-1)).toBe(`msiexec /x ${code} /qn /norestart`);
    const unknown = fakeTools('win32', () => '');
    await expect(installerFor('msi', { ...options, tools: unknown }).remove('p', signal)).rejects.toThrow(
      /does not know the package p/,
    );
    const mac = installerFor('pkg', { ...options, tools: fakeTools('darwin', () => '') });
    await expect(mac.remove('p', signal)).rejects.toThrow(/macOS has no way to uninstall/);
  });
});
