import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { removeScratch, scratch } from '../cli/support/scratch.ts';

afterEach(removeScratch);

const url = pathToFileURL(join(import.meta.dirname, '../../scripts/put-in-place.mjs')).href;

async function run(source: string, ...args: string[]): Promise<string> {
  const node = ['--input-type=module', '-e', source, ...args];
  return (await promisify(execFile)(process.execPath, node)).stdout;
}

test('of folders that are put into one place at the same time the last one is there, and nothing else', async () => {
  const root = await scratch();
  const source = `
    import { mkdirSync, writeFileSync } from 'node:fs';
    import { putInPlace } from ${JSON.stringify(url)};
    const [root, me] = process.argv.slice(1);
    for (let round = 0; round < 300; round += 1) {
      mkdirSync(root + '/next-' + me);
      writeFileSync(root + '/next-' + me + '/whose', me);
      putInPlace(root + '/next-' + me, root + '/dist', root + '/old-' + me);
    }`;
  await Promise.all(['a', 'b', 'c'].map((me) => run(source, root, me)));
  expect(await readdir(root)).toEqual(['dist']);
  expect(await readFile(join(root, 'dist', 'whose'), 'utf8')).toMatch(/^[abc]$/);
});

test.each([
  ['a folder', (path: string) => mkdir(join(path, 'inside'), { recursive: true })],
  ['a link', (path: string) => symlink('.', path, 'dir')],
])('%s that had the name is removed when the new one has it, and not before', async (_, make) => {
  const root = await scratch();
  await make(join(root, 'dist'));
  await mkdir(join(root, 'next'));
  await writeFile(join(root, 'next', 'whose'), 'new');
  // Looks at the place whenever something is removed.
  const source = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const [root] = process.argv.slice(1);
    const { rmSync } = fs;
    fs.rmSync = (path, options) => {
      if (fs.lstatSync(path, { throwIfNoEntry: false })) console.log(fs.existsSync(root + '/dist/whose'));
      rmSync(path, options);
    };
    syncBuiltinESMExports();
    const { putInPlace } = await import(${JSON.stringify(url)});
    putInPlace(root + '/next', root + '/dist', root + '/old');`;
  expect(await run(source, root)).toBe('true\n');
  expect(await readdir(root)).toEqual(['dist']);
});
