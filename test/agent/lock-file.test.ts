import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { takeLockFile } from '../../agent/storage/lock-file.ts';
import { removeFolders, temporaryFolder } from './support.ts';

afterEach(removeFolders);

it('leaves the lock of one that was faster, whose name was free when the slower one looked again', async () => {
  const path = join(temporaryFolder(), 'lock');
  const dead = JSON.stringify({ name: 'dead' });
  const faster = { name: 'faster' };
  writeFileSync(path, dead);
  const seen: string[] = [];
  const attempt = await takeLockFile(path, { name: 'slower' }, async () => {
    seen.push(readFileSync(path, 'utf8'));
    if (seen.length === 1) return 'gone';
    if (seen.length > 2) return faster;
    // The faster one has removed the dead lock; this look finds none; then it links its own.
    rmSync(path);
    writeFileSync(path, JSON.stringify(faster));
    return undefined;
  });
  expect(attempt).toEqual({ heldBy: faster });
  expect(seen).toEqual([dead, dead, JSON.stringify(faster)]);
  expect(readFileSync(path, 'utf8')).toBe(JSON.stringify(faster));
});
