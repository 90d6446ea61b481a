import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { removeScratch, scratch } from '../cli/support/scratch.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

afterEach(removeScratch);

/** The scripts are plain modules for a Node without node_modules: called as such. */
async function prepared(expression: string): Promise<unknown> {
  const url = pathToFileURL(join(ROOT, 'scripts/prepare.mjs')).href;
  const source = `import * as prepare from ${JSON.stringify(url)}; console.log(JSON.stringify(${expression}) ?? 'null');`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', source]);
  return JSON.parse(stdout);
}

test('Node from 20.19 on will do, an older one is refused with its version', async () => {
  const versions = ['18.20.0', '20.18.3', '20.19.0', '22.0.0'];
  const answers = await prepared(`${JSON.stringify(versions)}.map((v) => prepare.nodeObjection(v) ?? null)`);
  expect(answers).toEqual([
    expect.stringContaining('this is 18.20.0'),
    expect.stringContaining('20.19 or newer'),
    null,
    null,
  ]);
});

test('dependencies are installed anew only when the lockfile asks for others', async () => {
  const root = await scratch();
  const current = (): Promise<unknown> => prepared(`prepare.dependenciesAreCurrent(${JSON.stringify(root)})`);
  const write = (path: string, packages: object): Promise<void> =>
    writeFile(join(root, path), JSON.stringify({ packages }));
  const optional = { 'node_modules/other-platform': { version: '1.0.0', optional: true } };
  await write('package-lock.json', { '': {}, 'node_modules/a': { version: '1.0.0' }, ...optional });
  expect(await current()).toBe(false);
  await mkdir(join(root, 'node_modules/a'), { recursive: true });
  await write('node_modules/.package-lock.json', { 'node_modules/a': { version: '1.0.0' } });
  expect(await current()).toBe(true);
  await write('node_modules/.package-lock.json', { 'node_modules/a': { version: '0.9.0' } });
  expect(await current()).toBe(false);
  await write('node_modules/.package-lock.json', {});
  expect(await current()).toBe(false);
});

test('a build is stale when any source, asset or the lockfile changed', async () => {
  const root = await scratch();
  await writeFile(join(root, 'tsconfig.build.json'), '{"include":["api"]}');
  await mkdir(join(root, 'api'));
  await mkdir(join(root, 'dist'));
  const hash = async (): Promise<string> =>
    String(await prepared(`prepare.sourcesHash(${JSON.stringify(root)})`));
  const current = (): Promise<unknown> => prepared(`prepare.buildIsCurrent(${JSON.stringify(root)})`);
  const seen = new Set<string>();
  for (const path of ['api/a.ts', 'api/page.html', 'package-lock.json']) {
    expect(await current()).toBe(false);
    await writeFile(join(root, 'dist/.build-stamp'), await hash());
    expect(await current()).toBe(true);
    await writeFile(join(root, path), 'x');
    seen.add(await hash());
  }
  expect(seen.size).toBe(3);
  expect(await current()).toBe(false);
});

test('an unknown command is refused with the known ones', async () => {
  await expect(run(process.execPath, [join(ROOT, 'scripts/run.mjs'), 'sing'])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('test|start|demo|cli'),
  });
});

describe('the summary of a test run', () => {
  const summary = (path: string): Promise<{ stdout: string }> =>
    run(process.execPath, [join(ROOT, 'scripts/test-summary.mjs'), path]);

  test('counts tests, and files that could not be loaded as failed ones', async () => {
    const path = join(await scratch(), 'results.json');
    await writeFile(
      path,
      JSON.stringify({ numPassedTests: 7, numFailedTests: 2, numRuntimeErrorTestSuites: 1 }),
    );
    expect((await summary(path)).stdout).toBe('7 passed, 3 failed\n');
  });

  test('fails when there is nothing to count', async () => {
    await expect(summary(join(await scratch(), 'none.json'))).rejects.toMatchObject({
      code: 1,
      stdout: '0 passed, 1 failed\n',
    });
  });
});

test('the lockfile holds the packages for every platform: without, `npm ci` fails', async () => {
  const script = join(ROOT, 'scripts/complete-lock.mjs');
  await expect(run(process.execPath, [script, '--check'])).resolves.toBeDefined();
});
