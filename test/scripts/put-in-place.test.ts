import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { removeScratch, scratch } from '../cli/support/scratch.ts';

afterEach(removeScratch);

test('of folders that are put into one place at the same time the last one is there, and nothing else', async () => {
  const root = await scratch();
  const url = pathToFileURL(join(import.meta.dirname, '../../scripts/put-in-place.mjs')).href;
  const source = `
    import { mkdirSync, writeFileSync } from 'node:fs';
    import { putInPlace } from ${JSON.stringify(url)};
    const [root, me] = process.argv.slice(1);
    for (let round = 0; round < 300; round += 1) {
      mkdirSync(root + '/next-' + me);
      writeFileSync(root + '/next-' + me + '/whose', me);
      putInPlace(root + '/next-' + me, root + '/dist', root + '/old-' + me);
    }`;
  const builder = (me: string) =>
    promisify(execFile)(process.execPath, ['--input-type=module', '-e', source, root, me]);
  await Promise.all([builder('a'), builder('b'), builder('c')]);
  expect(await readdir(root)).toEqual(['dist']);
  expect(await readFile(join(root, 'dist', 'whose'), 'utf8')).toMatch(/^[abc]$/);
});
