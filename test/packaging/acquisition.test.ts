import { mkdir, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { unpackDebian } from '../../cli/engines/debian-packages.ts';
import { ensurePackagingTools, missingDebianPackages } from '../../cli/engines/packaging-tools.ts';
import { exec, PackagingWorld, packagingPath } from './support/world.ts';

let world: PackagingWorld;
beforeAll(async () => {
  world = await PackagingWorld.open();
});
afterAll(() => world.close());

it('Programs of a Debian package that is not installed run from where they were unpacked', async () => {
  const folder = world.path('unpacked');
  await mkdir(folder);
  await unpackDebian(['hello'], folder, process.env);
  expect((await exec(join(folder, 'bin/hello'))).stdout).toContain('Hello, world!');
});

it('What cannot be had is told with what to do', async () => {
  const folder = world.path('nothing');
  await mkdir(folder);
  await expect(unpackDebian(['no-such-package-anywhere'], folder, process.env)).rejects.toThrow(
    /apt-get install no-such-package-anywhere/,
  );
});

it('Nothing is fetched where PATH has it all', async () => {
  const env = { ...process.env, PATH: (await packagingPath()).join(':') };
  expect(await missingDebianPackages(env)).toEqual([]);
  const told: string[] = [];
  const found = await ensurePackagingTools(({ message }) => told.push(message), {
    env,
    root: world.path('cache'),
  });
  expect(found).toEqual({ path: [], missing: [] });
  expect(told).toEqual([]);
});

it('What PATH lacks is fetched into the cache, and runs', async () => {
  const root = world.path('fetched');
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const lacking = await Promise.all(
    folders.map(async (folder) => ({
      folder,
      has: (await readdir(folder).catch(() => [])).some((name) => ['nfpm', 'trivy'].includes(name)),
    })),
  );
  const PATH = lacking.flatMap(({ folder, has }) => (has ? [] : [folder])).join(delimiter);
  const env = { ...process.env, PATH, TRIVY_PATH: '' };
  const found = await ensurePackagingTools(() => undefined, { env, root });
  expect(found.missing).toEqual([]);
  for (const program of ['nfpm', 'trivy']) {
    const folder = found.path.find((one) => one.includes(program)) ?? 'nowhere';
    expect((await exec(join(folder, program), ['--version'])).stdout).toMatch(/version:/i);
  }
  expect(await ensurePackagingTools(() => undefined, { env, root })).toEqual(found);
}, 600_000);
