import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { takeLockFile } from '../../agent/storage/lock-file.ts';
import { removeFolders, temporaryFolder } from './support.ts';

afterEach(removeFolders);

it('leaves the lock of one that was faster, however long the slower one asked after the dead owner', async () => {
  const path = join(temporaryFolder(), 'lock');
  const [dead, faster] = [{ name: 'dead' }, { name: 'faster' }].map((owner) => JSON.stringify(owner));
  writeFileSync(path, dead ?? '');
  const seen: string[] = [];
  const attempt = await takeLockFile(path, { name: 'slower' }, async (content) => {
    seen.push(content);
    if (content === faster) return { name: 'faster' };
    // Meanwhile the faster one has removed the dead lock, and made its own.
    writeFileSync(path, faster ?? '');
    return undefined;
  });
  expect(attempt).toEqual({ heldBy: { name: 'faster' } });
  expect(seen).toEqual([dead, faster]);
  expect(readFileSync(path, 'utf8')).toBe(faster);
});
