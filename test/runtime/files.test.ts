import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  ArtifactHashError,
  ArtifactTooLargeError,
  ContentStore,
  MissingContentError,
} from '../../runtime/content-store/content-store.ts';
import { FileObjects } from '../../runtime/content-store/file-objects.ts';
import { writePrivateFile } from '../../runtime/files.ts';

/** A store in a folder that takes 10 bytes a piece. */
const storeIn = (folder: string) =>
  new ContentStore({
    objects: new FileObjects(join(folder, 'artifacts')),
    maxBytes: 10,
    admit: async () => undefined,
  });

describe('Files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'eucora-files-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('are written whole and for their owner, or not at all', async () => {
    const path = join(folder, 'secret');
    await writePrivateFile(path, 'one');
    await writePrivateFile(path, Buffer.from('two'));
    expect(await readFile(path, 'utf8')).toBe('two');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await expect(writePrivateFile(join(folder, 'no', 'folder'), 'x')).rejects.toThrow(/ENOENT/);
    // A folder is in the way: the new content must not lie around beside it.
    await expect(writePrivateFile(folder, 'x')).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['secret']);
  });

  it('of uploads that were killed are swept away, those of running ones are not', async () => {
    const artifacts = join(folder, 'artifacts');
    const files = storeIn(folder);
    await files.sweep();
    await files.add(Readable.from([Buffer.from('hello')]));
    await writeFile(join(artifacts, 'incoming-old'), 'x');
    await writeFile(join(artifacts, 'incoming-new'), 'x');
    const hourAgo = new Date(Date.now() - 3_600_000);
    await utimes(join(artifacts, 'incoming-old'), hourAgo, hourAgo);
    await files.sweep();
    expect((await readdir(artifacts)).sort()).toEqual([hello.slice(0, 2), 'incoming-new']);
  });

  const hello = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';

  it('are kept under the hash of their content and read in parts', async () => {
    const files = storeIn(folder);
    expect(await files.add(Readable.from([Buffer.from('hel'), Buffer.from('lo')]), hello)).toEqual({
      sha256: hello,
      sizeBytes: 5,
    });
    expect(await files.add(Readable.from([Buffer.from('hello')]))).toEqual({ sha256: hello, sizeBytes: 5 });
    expect(await files.size(hello)).toBe(5);
    expect(await files.size('0'.repeat(64))).toBeUndefined();
    const parts: Buffer[] = [];
    for await (const part of (await files.read(hello, 1, 3)) ?? []) parts.push(part as Buffer);
    expect(Buffer.concat(parts).toString()).toBe('ell');
    expect(await files.read('0'.repeat(64), 0, 1)).toBeUndefined();
  });

  it('are handed out whole only with the hash that they were kept under', async () => {
    const files = storeIn(folder);
    await files.add(Readable.from([Buffer.from('hello')]));
    const copy = join(folder, 'copy');
    await files.copyTo(hello, copy);
    await files.check(hello);
    expect(await readFile(copy, 'utf8')).toBe('hello');
    expect((await files.bytes(hello)).toString()).toBe('hello');
    await writeFile(join(folder, 'artifacts', hello.slice(0, 2), hello), 'hellO');
    await expect(files.bytes(hello)).rejects.toBeInstanceOf(MissingContentError);
    await rm(copy);
    await expect(files.copyTo(hello, copy)).rejects.toBeInstanceOf(MissingContentError);
    expect((await readdir(folder)).sort()).toEqual(['artifacts']);
    await files.remove(hello);
    await files.remove(hello);
    await expect(files.copyTo(hello, copy)).rejects.toBeInstanceOf(MissingContentError);
  });

  it('that are too large or have another hash leave nothing behind', async () => {
    const files = storeIn(folder);
    // Often: the failure must not overtake the making of the file that it takes away.
    for (let attempt = 0; attempt < 50; attempt += 1) {
      const large = files.add(Readable.from([Buffer.alloc(11)]));
      await expect(large).rejects.toBeInstanceOf(ArtifactTooLargeError);
      expect(await readdir(join(folder, 'artifacts'))).toEqual([]);
    }
    const other = files.add(Readable.from([Buffer.from('x')]), hello);
    await expect(other).rejects.toBeInstanceOf(ArtifactHashError);
    const broken = files.add(
      new Readable({
        read() {
          this.destroy(new Error('the line broke'));
        },
      }),
    );
    await expect(broken).rejects.toThrow('the line broke');
    expect(await readdir(join(folder, 'artifacts'))).toEqual([]);
  });

  it('cannot be kept where a file is in the way of the folder', async () => {
    await writeFile(join(folder, 'artifacts'), '');
    const content = createReadStream(__filename);
    await expect(storeIn(folder).add(content)).rejects.toThrow();
    // Else it would keep its descriptor, of which there may be too few already.
    expect(content.destroyed).toBe(true);
  });
});
