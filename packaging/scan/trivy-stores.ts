import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import { withFolderLock } from '../tools/folder-lock.ts';
import { runTool } from '../tools/run-tool.ts';
import { NO_SETTINGS } from './trivy-run.ts';

/** One of the two things that Trivy keeps in its cache. */
export interface TrivyStore {
  readonly folder: string;
  readonly file: string;
  /** Options that have it fetched and nothing done, and that name where from. */
  readonly only: string;
  readonly source: string;
  /** The setting that says where from, to people. */
  readonly setting: string;
  /** In the log. */
  readonly name: string;
  /** A step waits no longer for a download. */
  readonly downloadMs: number;
}

/** Some tens of megabytes, new each day. */
export const WEAKNESSES: TrivyStore = {
  folder: 'db',
  file: 'trivy.db',
  only: '--download-db-only',
  source: '--db-repository',
  setting: 'EUCORA_TRIVY_REPOSITORY',
  name: 'database',
  downloadMs: 180_000,
};
/** Which Java archive has which hash: some hundreds of megabytes, new each week. */
export const JAVA_INDEX: TrivyStore = {
  folder: 'java-db',
  file: 'trivy-java.db',
  only: '--download-java-db-only',
  source: '--java-db-repository',
  setting: 'EUCORA_TRIVY_JAVA_REPOSITORY',
  name: 'index of Java archives',
  downloadMs: 480_000,
};

/** Trivy’s own source, whichever that is in its build. */
export const OWN_SOURCE = 'default';
/** Downloads are written beside what is used. */
const INCOMING = 'incoming-';
/** Any download ends long before. */
const ABANDONED_MS = 1_800_000;
const metadataSchema = z.object({ UpdatedAt: z.coerce.date() });

/** When it was last brought up to date; undefined when there is none. */
export async function trivyStoreDate(cache: string, { folder, file }: TrivyStore): Promise<Date | undefined> {
  const content = await stat(join(cache, folder, file)).catch(() => undefined);
  const text = await readFile(join(cache, folder, 'metadata.json'), 'utf8').catch(() => undefined);
  if (content === undefined || content.size === 0 || text === undefined) return undefined;
  try {
    return metadataSchema.parse(JSON.parse(text)).UpdatedAt;
  } catch {
    return undefined;
  }
}

/** Has Trivy fetch it, and puts it in the place of the one before. @throws PackagingError */
export async function fetchTrivyStore(
  ctx: ToolContext,
  store: TrivyStore,
  repository: string,
): Promise<void> {
  const { trivyCache } = ctx.settings.scan;
  await mkdir(trivyCache, { recursive: true, mode: 0o700 });
  await sweepDownloads(trivyCache);
  ctx.log(`scan: fetching Trivy’s ${store.name}`);
  const folder = await mkdtemp(join(trivyCache, INCOMING));
  try {
    const source = repository === OWN_SOURCE ? [] : [store.source, repository];
    const args = ['fs', ...NO_SETTINGS, store.only, ...source, '--cache-dir', folder];
    await runTool(ctx, 'trivy', args, {
      network: true,
      writes: [folder],
      failure: 'unreachable',
      timeMs: store.downloadMs,
    }).catch((error: unknown) => {
      throw tooSlow(error, store, repository) ?? error;
    });
    await putInPlace(ctx, folder, store);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Time says nothing of the package, which another download may be quick enough for. */
function tooSlow(error: unknown, store: TrivyStore, repository: string): PackagingError | undefined {
  if (!(error instanceof PackagingError && error.code === 'limit-exceeded' && error.reason === 'time'))
    return undefined;
  return new PackagingError(
    'unreachable',
    `Trivy’s ${store.name} was not fetched within ${store.downloadMs / 1_000} s from ${store.setting}=${repository}. Name a source that is nearer there, or bring it by hand`,
    { reason: 'time', cause: error },
  );
}

/**
 * Puts what was fetched as a whole in the place of the one before, file by file, so that whoever copies it meanwhile has
 * the one or the other. Its date comes last: a copy that lies between is younger than it is said to be, never older.
 */
async function putInPlace(ctx: ToolContext, from: string, store: TrivyStore): Promise<void> {
  const { trivyCache: cache } = ctx.settings.scan;
  const fetched = await trivyStoreDate(from, store);
  if (fetched === undefined)
    throw new PackagingError('unreachable', `Trivy fetched no ${store.name}`, { reason: 'nothing-fetched' });
  const onWait = () => ctx.log(`scan: waiting for another worker to put its ${store.name} in place`);
  // Whoever compared, and were then overtaken, would put an older one in the place of a newer.
  await withFolderLock(ctx, cache, onWait, async () => {
    const present = await trivyStoreDate(cache, store);
    // Another worker that shares the cache was quicker, and has a newer one.
    if (present !== undefined && present > fetched) return;
    await mkdir(join(cache, store.folder), { recursive: true, mode: 0o700 });
    for (const name of [store.file, 'metadata.json'])
      await rename(join(from, store.folder, name), join(cache, store.folder, name));
  });
}

/** Removes what downloads left whose worker was killed. */
async function sweepDownloads(cache: string): Promise<void> {
  const left = (await readdir(cache)).filter((name) => name.startsWith(INCOMING));
  for (const path of left.map((name) => join(cache, name))) {
    const begun = await stat(path).catch(() => undefined);
    if (begun !== undefined && Date.now() - begun.mtimeMs > ABANDONED_MS)
      await rm(path, { recursive: true, force: true });
  }
}
