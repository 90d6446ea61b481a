import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { parseConfig } from '../../contracts/config.ts';
import {
  ArtifactHashError,
  type ContentStore,
  MissingContentError,
  type StoredContent,
} from '../../runtime/content-store/content-store.ts';
import { openContentStore } from '../../runtime/content-store/open.ts';
import { BUCKET, CREDENTIALS, type TestBucket, testBucket } from '../harness/bucket.ts';

let folder: string;
let bucket: TestBucket;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eucora-content-'));
  bucket = await testBucket();
});
afterAll(async () => {
  await bucket?.dispose();
  await rm(folder, { recursive: true, force: true });
});

const settings = (backend: string, overrides: Record<string, string> = {}) =>
  parseConfig({
    DATABASE_URL: 'postgres://nowhere/x',
    EUCORA_DATA_DIR: join(folder, backend),
    ...(backend === 'S3' ? { ...bucket.settings, EUCORA_S3_PREFIX: 'kept/' } : {}),
    ...overrides,
  });
const client = () =>
  new S3Client({
    endpoint: bucket.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: CREDENTIALS,
  });

describe.each(['the file system', 'S3'])('Content on %s', (backend) => {
  let store: ContentStore;
  const admitted: StoredContent[] = [];

  beforeEach(async () => {
    admitted.length = 0;
    store = await openContentStore(settings(backend), async (content) => {
      admitted.push(content);
    });
  });

  const all = async (stream: Readable | undefined): Promise<Buffer> => {
    const parts: Buffer[] = [];
    for await (const part of stream ?? []) parts.push(Buffer.from(part));
    return Buffer.concat(parts);
  };

  it('is kept under its hash, once, and read whole and in parts', async () => {
    const content = randomBytes(300_000);
    const kept = await store.add(Readable.from([content.subarray(0, 100), content.subarray(100)]));
    expect(kept.sizeBytes).toBe(300_000);
    expect(await store.addBytes(content)).toEqual(kept);
    expect(admitted).toEqual([kept, kept]);
    expect(await store.size(kept.sha256)).toBe(300_000);
    expect((await all(await store.read(kept.sha256, 0, 299_999))).equals(content)).toBe(true);
    expect(
      (await all(await store.read(kept.sha256, 99_990, 200_010))).equals(content.subarray(99_990, 200_011)),
    ).toBe(true);
    expect((await store.bytes(kept.sha256)).equals(content)).toBe(true);
    await store.check(kept.sha256);
  });

  it('that breaks before it is read is told, and takes nothing with it', async () => {
    const content = new Readable({ read: () => undefined });
    const adding = store.add(content);
    content.destroy(new Error('gone'));
    await expect(adding).rejects.toThrow('gone');
    await expect(store.addFile(join(folder, 'nowhere'))).rejects.toThrow('ENOENT');
  });

  it('may be empty', async () => {
    const { sha256, sizeBytes } = await store.addBytes('');
    expect([sizeBytes, await store.size(sha256), (await store.bytes(sha256)).length]).toEqual([0, 0, 0]);
  });

  it('that nobody kept is missing, and removing it is harmless', async () => {
    const nothing = '0'.repeat(64);
    expect(await store.size(nothing)).toBeUndefined();
    expect(await store.read(nothing, 0, 1)).toBeUndefined();
    await expect(store.bytes(nothing)).rejects.toBeInstanceOf(MissingContentError);
    await expect(store.copyTo(nothing, join(folder, 'copy'))).rejects.toBeInstanceOf(MissingContentError);
    await store.remove(nothing);
  });

  it('is gone once it is removed, and can be kept again', async () => {
    const kept = await store.addBytes(`gone ${backend}`);
    await store.remove(kept.sha256);
    expect(await store.size(kept.sha256)).toBeUndefined();
    expect(await store.addBytes(`gone ${backend}`)).toEqual(kept);
    expect(await store.size(kept.sha256)).toBe(kept.sizeBytes);
  });

  it('with another hash than promised, or that is not admitted, is not kept', async () => {
    const broken = store.add(Readable.from([Buffer.from('x')]), 'f'.repeat(64));
    await expect(broken).rejects.toBeInstanceOf(ArtifactHashError);
    const closed = await openContentStore(settings(backend), async () => {
      throw new Error('full');
    });
    await expect(closed.addBytes('never kept')).rejects.toThrow('full');
    const left = await readdir(join(folder, backend, 'artifacts'));
    expect(left.filter((name) => name.startsWith('incoming-'))).toEqual([]);
  });

  it('that was changed where it lies is noticed, and is not overwritten by keeping it again', async () => {
    const { sha256 } = await store.addBytes(`honest ${backend}`);
    if (backend === 'S3')
      await client().send(
        new PutObjectCommand({ Bucket: BUCKET, Key: `kept/${sha256.slice(0, 2)}/${sha256}`, Body: 'forged' }),
      );
    else await writeFile(join(folder, backend, 'artifacts', sha256.slice(0, 2), sha256), 'forged');
    for (const act of [
      () => store.bytes(sha256),
      () => store.check(sha256),
      () => store.copyTo(sha256, join(folder, 'copy')),
    ])
      await expect(act()).rejects.toThrow(/was changed/);
    const handed: Buffer[] = [];
    const handOn = async () => {
      for await (const part of store.whole(sha256)) handed.push(part);
    };
    await expect(handOn()).rejects.toThrow(/was changed/);
    // What is short has one part, which is the last.
    expect(handed).toEqual([]);
    await store.addBytes(`honest ${backend}`);
    await expect(store.check(sha256)).rejects.toThrow(/was changed/);
  });
});

it('keys in a bucket bear the prefix and are spread', async () => {
  const store = await openContentStore(settings('S3'), async () => undefined);
  const { sha256 } = await store.addBytes('spread');
  const Key = `kept/${sha256.slice(0, 2)}/${sha256}`;
  const { Body } = await client().send(new GetObjectCommand({ Bucket: BUCKET, Key }));
  expect(await Body?.transformToString()).toBe('spread');
  const { Contents } = await client().send(new ListObjectsV2Command({ Bucket: BUCKET }));
  expect(Contents?.every((object) => object.Key?.startsWith('kept/'))).toBe(true);
});

it('a bucket that does not exist is a mistake and not missing content', async () => {
  const nowhere = await openContentStore(
    settings('S3', { EUCORA_S3_BUCKET: 'nowhere' }),
    async () => undefined,
  );
  await expect(nowhere.read('0'.repeat(64), 0, 1)).rejects.toThrow(/bucket/i);
  await expect(nowhere.addBytes('x')).rejects.toThrow();
});
