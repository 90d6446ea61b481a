import { lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, findInstalled, installOnce } from '../../../cli/engines/cache.ts';
import { tryLock } from '../../../cli/engines/lock.ts';
import { eventually, recorder, removeScratch, scratch } from '../support/scratch.ts';

afterEach(removeScratch);

describe('where the cache is', () => {
  const host = { platform: 'linux', home: '/home/ada', uid: 1000, env: {} } as const;
  test.each([
    ['an override', { ...host, env: { EUCORA_CACHE_DIR: '/elsewhere' } }, '/elsewhere'],
    ['Linux', host, '/home/ada/.cache/eucora'],
    ['Linux with XDG', { ...host, env: { XDG_CACHE_HOME: '/xdg' } }, '/xdg/eucora'],
    [
      'Linux with XDG and override empty',
      { ...host, env: { XDG_CACHE_HOME: '', EUCORA_CACHE_DIR: '' } },
      '/home/ada/.cache/eucora',
    ],
    ['root on Linux', { ...host, uid: 0 }, '/var/cache/eucora'],
    ['macOS', { ...host, platform: 'darwin', home: '/Users/ada' }, '/Users/ada/Library/Caches/eucora'],
    [
      'Windows',
      { ...host, platform: 'win32', home: 'C:\\Users\\ada', uid: undefined },
      'C:\\Users\\ada\\AppData\\Local\\eucora\\Cache',
    ],
    [
      'Windows with LOCALAPPDATA',
      { ...host, platform: 'win32', env: { LOCALAPPDATA: 'D:\\L' } },
      'D:\\L\\eucora\\Cache',
    ],
  ] as const)('%s', (_, facts, expected) => {
    expect(cacheDirectory(facts)).toBe(expected);
  });
  test('this machine has one', () => {
    expect(cacheDirectory()).not.toBe('');
  });
});

describe('installing', () => {
  const fill = async (folder: string): Promise<void> => {
    await mkdir(join(folder, 'bin'), { mode: 0o700 });
    await writeFile(join(folder, 'bin', 'tool'), 'hello', { mode: 0o700 });
    await symlink('tool', join(folder, 'bin', 'alias'));
  };

  test('happens once, also when two begin together, and others may read it', async () => {
    const root = await scratch();
    const { progress, text } = recorder();
    let installs = 0;
    const install = async (folder: string): Promise<void> => {
      installs += 1;
      await eventually(() => text().includes('waiting for process'));
      await fill(folder);
    };
    const [a, b] = await Promise.all([
      installOnce({ root, name: 'tool-1', progress, install }),
      installOnce({ root, name: 'tool-1', progress, install }),
    ]);
    expect(a).toBe(b);
    expect(installs).toBe(1);
    expect(text()).toMatch(/waiting for process \d+, which installs tool-1 already/);
    expect((await lstat(join(a, 'bin', 'tool'))).mode & 0o777).toBe(0o755);
    expect((await lstat(join(a, 'bin'))).mode & 0o777).toBe(0o755);
    expect(await readdir(root)).toEqual(['tool-1']);
  });

  test('leaves nothing when it fails, and then works', async () => {
    const root = await scratch();
    const { progress } = recorder();
    const install = async (folder: string): Promise<void> => {
      await fill(folder);
      throw new Error('cut');
    };
    await expect(installOnce({ root, name: 'tool-1', progress, install })).rejects.toThrow('cut');
    expect(await readdir(root)).toEqual([]);
    expect(await findInstalled(root, 'tool-1')).toBeUndefined();
    await installOnce({ root, name: 'tool-1', progress, install: fill });
    expect(await findInstalled(root, 'tool-1')).toBe(join(root, 'tool-1'));
  });

  test.each([
    ['a file is cut', (folder: string) => writeFile(join(folder, 'bin', 'tool'), 'h')],
    ['a file is missing', (folder: string) => rm(join(folder, 'bin', 'tool'))],
    ['a link is missing', (folder: string) => rm(join(folder, 'bin', 'alias'))],
    ['a file is added', (folder: string) => writeFile(join(folder, 'bin', 'more'), '')],
    ['its list is gone', (folder: string) => rm(join(folder, '.eucora-install.json'))],
    ['its list is damaged', (folder: string) => writeFile(join(folder, '.eucora-install.json'), '{')],
  ])('is repeated when %s', async (_, damage) => {
    const root = await scratch();
    const { progress, text } = recorder();
    const folder = await installOnce({ root, name: 'tool-1', progress, install: fill });
    await damage(folder);
    expect(await findInstalled(root, 'tool-1')).toBeUndefined();
    await installOnce({ root, name: 'tool-1', progress, install: fill });
    expect(await readFile(join(folder, 'bin', 'tool'), 'utf8')).toBe('hello');
    expect(await findInstalled(root, 'tool-1')).toBe(folder);
    expect(text()).toContain('was damaged and is replaced');
  });

  test('is waited for until that is called off', async () => {
    const root = await scratch();
    await tryLock(join(root, 'tool-1.lock'));
    const off = new AbortController();
    const progress = () => off.abort(new Error('called off'));
    const install = async (): Promise<void> => undefined;
    const waiting = installOnce({ root, name: 'tool-1', progress, signal: off.signal, install });
    await expect(waiting).rejects.toThrow('called off');
  });

  test('is missed in peace while another one takes the damaged one away', async () => {
    const root = await scratch();
    const install = async (folder: string): Promise<void> => {
      for (let file = 0; file < 200; file += 1) await writeFile(join(folder, String(file)), '');
    };
    for (let round = 0; round < 5; round += 1) {
      const folder = await installOnce({ root, name: 'tool-1', progress: recorder().progress, install });
      const looks = Promise.all(Array.from({ length: 8 }, () => findInstalled(root, 'tool-1')));
      await rm(folder, { recursive: true });
      for (const found of await looks) expect([folder, undefined]).toContain(found);
    }
  });

  test('removes what a killed install left', async () => {
    const root = await scratch();
    await mkdir(join(root, '.tool-1-dead'));
    await installOnce({ root, name: 'tool-1', progress: recorder().progress, install: fill });
    expect(await readdir(root)).toEqual(['tool-1']);
  });
});
