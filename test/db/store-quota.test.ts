import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parseConfig } from '../../contracts/config.ts';
import { StoreFullError } from '../../db/stores/artifact/stored-object-store.ts';
import type { ContentStore } from '../../runtime/content-store/content-store.ts';
import { openContentStore } from '../../runtime/content-store/open.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet, OPERATOR } from './support/fleet.ts';

const QUOTA = 100_000;
const DAYS = 86_400;

let database: TestDatabase;
let folder: string;
let content: ContentStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eucora-quota-'));
  database = await createTestDatabase({ EUCORA_STORE_QUOTA_BYTES: String(QUOTA) });
  const config = parseConfig({ DATABASE_URL: database.url, EUCORA_DATA_DIR: folder });
  content = await openContentStore(config, (stored) => database.stores.storedObjects.admit(stored));
});
afterEach(async () => {
  await database?.dispose();
  await rm(folder, { recursive: true, force: true });
});

const add = (bytes: Buffer) => content.add(Readable.from([bytes]));
const clean = (dryRun = false) =>
  database.stores.storedObjects.clean((sha256) => content.remove(sha256), OPERATOR, dryRun);

async function bytesOnDisk(): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return bytes;
}

describe('The quota of the store', () => {
  it('is never exceeded by uploads at the same time, and what is refused leaves nothing', async () => {
    const uploads = Array.from({ length: 40 }, () => randomBytes(7_000));
    let peak = 0;
    const watch = setInterval(() => {
      database.stores.storedObjects.usage().then(
        ({ bytes }) => {
          peak = Math.max(peak, bytes);
        },
        () => undefined,
      );
    }, 5);
    const ended = await Promise.allSettled(uploads.map(add));
    clearInterval(watch);
    const kept = ended.filter(({ status }) => status === 'fulfilled');
    const refused = ended.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    // As many as fit, not one less.
    expect(kept).toHaveLength(Math.floor(QUOTA / 7_000));
    expect(refused.every((reason) => reason instanceof StoreFullError)).toBe(true);
    expect(peak).toBeLessThanOrEqual(QUOTA);
    const { bytes, objects } = await database.stores.storedObjects.usage();
    expect([objects, bytes]).toEqual([14, 98_000]);
    expect(await bytesOnDisk()).toBe(bytes);
  });

  it('counts the same content once, however often it comes at once', async () => {
    const same = randomBytes(60_000);
    await Promise.all(Array.from({ length: 10 }, () => add(same)));
    expect(await database.stores.storedObjects.usage()).toMatchObject({ objects: 1, bytes: 60_000 });
    await expect(add(randomBytes(60_000))).rejects.toThrow(StoreFullError);
    // What is there already is no more than before.
    await add(same);
  });
});

describe('Cleaning the store', () => {
  const task = async (sha256: string): Promise<string> => {
    const fleet = new Fleet(database);
    const agent = await fleet.enrol();
    return fleet.task(agent, {
      task_type: 'DEPLOY',
      payload: { package_name: 'p', package_version: '1', artifact: { sha256 } },
    });
  };
  const age = () =>
    database.pool.query(`UPDATE stored_object SET stored_at = now() - interval '${400 * DAYS} seconds'`);

  it('leaves what a task that has not ended needs, and takes it once it has', async () => {
    const needed = (await add(randomBytes(1_000))).sha256;
    const idle = (await add(randomBytes(1_000))).sha256;
    const id = await task(needed);
    await age();
    expect(await clean(true)).toMatchObject({ dry_run: true, removed: [idle] });
    expect(await content.size(idle)).toBe(1_000);
    expect(await clean()).toMatchObject({ removed: [idle] });
    expect([await content.size(needed), await content.size(idle)]).toEqual([1_000, undefined]);
    await database.stores.tasks.cancel(id, OPERATOR, 'test');
    expect(await clean()).toMatchObject({ removed: [needed] });
    expect(await content.size(needed)).toBeUndefined();
  });

  it('loses against a task that comes while it looks', async () => {
    const { sha256 } = await add(randomBytes(1_000));
    await age();
    // Found as unneeded; before its turn a task asks for it.
    const store = database.stores.storedObjects;
    const first = (await add(randomBytes(10))).sha256;
    await age();
    await database.pool.query(
      `UPDATE stored_object SET stored_at = stored_at - interval '1 day' WHERE sha256 = $1`,
      [first],
    );
    const cleaned = await store.clean(
      async (removed) => {
        if (removed === first) await task(sha256);
        await content.remove(removed);
      },
      OPERATOR,
      false,
    );
    expect(cleaned.removed).toEqual([first]);
    expect(await content.size(sha256)).toBe(1_000);
  });
});
