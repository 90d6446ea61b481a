import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Scanner } from '../../contracts/packaging-pipeline/findings.ts';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import type { ScanSettings } from '../settings.ts';
import { runTool } from '../tools/run-tool.ts';
import { NO_SETTINGS } from './trivy-run.ts';

const HOUR_MS = 3_600_000;
/** A step waits no longer for a download; the database has some tens of megabytes. */
const DOWNLOAD_MS = 180_000;
/** Downloads are written beside the database that is used. */
const INCOMING = 'incoming-';
/** A download ends long before. */
const ABANDONED_MS = 3 * DOWNLOAD_MS;
/** Trivy’s own source, whichever that is in its build. */
const OWN_SOURCE = 'default';
const metadataSchema = z.object({ UpdatedAt: z.coerce.date() });

/** When the database was last brought up to date; undefined when there is none. */
export async function trivyDatabaseDate(cache: string): Promise<Date | undefined> {
  const database = await stat(join(cache, 'db', 'trivy.db')).catch(() => undefined);
  const text = await readFile(join(cache, 'db', 'metadata.json'), 'utf8').catch(() => undefined);
  if (database === undefined || database.size === 0 || text === undefined) return undefined;
  try {
    return metadataSchema.parse(JSON.parse(text)).UpdatedAt;
  } catch {
    return undefined;
  }
}

/** What brings a database; said wherever one is missing. */
export const DATABASE_HINT: Readonly<Record<Scanner, string>> = {
  trivy:
    'Let the packaging workers fetch it (EUCORA_TRIVY_REPOSITORY=default, or a mirror of yours), or bring it: run `trivy fs --download-db-only --cache-dir FOLDER` where there is a network, and copy FOLDER/db into EUCORA_TRIVY_CACHE_DIR (by default DATA/packaging/trivy). Then: eucora packages retry ID',
  'osv-scanner':
    'Bring it: put the all.zip of each ecosystem into EUCORA_OSV_DATABASE_DIR/osv-scalibr/ECOSYSTEM (by default DATA/packaging/osv). Then: eucora packages retry ID',
};
const NAMES: Readonly<Record<Scanner, string>> = { trivy: 'Trivy', 'osv-scanner': 'osv-scanner' };

/** Whether a database of that moment may be scanned by: neither too old, nor from the future. */
export function isOfAge(updatedAt: Date, maxHours: number, now = new Date()): boolean {
  const hours = (now.getTime() - updatedAt.getTime()) / HOUR_MS;
  return hours <= maxHours && hours >= -24;
}

/** A database that is missing, too old, or from the future is an error: what it does not know would pass. */
export function checkAge(
  updatedAt: Date | undefined,
  maxHours: number,
  scanner: Scanner,
  now = new Date(),
): Date {
  const what = NAMES[scanner];
  if (updatedAt === undefined)
    throw new PackagingError(
      'scan-database',
      `${what} has no database of known weaknesses. ${DATABASE_HINT[scanner]}`,
      { reason: 'missing' },
    );
  if (!isOfAge(updatedAt, maxHours, now))
    throw new PackagingError(
      'scan-database',
      `The database of ${what} is of ${updatedAt.toISOString()}, and may be ${maxHours} hours old at most (EUCORA_SCAN_DATABASE_MAX_AGE_HOURS). ${DATABASE_HINT[scanner]}`,
      { reason: 'age' },
    );
  return updatedAt;
}

interface Download {
  readonly done: Promise<void>;
  /** Of the step that fetches; the others that wait have their own. */
  readonly signal: AbortSignal;
}
/** Of downloads into one cache one runs at a time, for all who wait for it. */
const downloads = new Map<string, Download>();

/** Trivy's database, fetched from the configured source where it is missing or too old. @throws PackagingError */
export async function freshTrivyDatabase(ctx: ToolContext): Promise<Date> {
  const { trivyCache, trivyRepository, maxDatabaseAgeHours } = ctx.settings.scan;
  const before = await trivyDatabaseDate(trivyCache);
  const stale = before === undefined || Date.now() - before.getTime() > (maxDatabaseAgeHours / 2) * HOUR_MS;
  if (trivyRepository !== undefined && stale) {
    await download(ctx, trivyRepository).catch((error: unknown) => {
      ctx.signal.throwIfAborted();
      // A database that is still young enough will do until its source is back; of Trivy's own source nobody has said
      // that it can be reached from here, so that waiting for it is not what helps.
      if (before === undefined && trivyRepository !== OWN_SOURCE) throw error;
      ctx.log(`scan: the database could not be fetched: ${(error as Error).message.split('\n').at(-1)}`);
    });
  }
  return checkAge(await trivyDatabaseDate(trivyCache), maxDatabaseAgeHours, 'trivy');
}

async function download(ctx: ToolContext, repository: string): Promise<void> {
  const { trivyCache } = ctx.settings.scan;
  for (let other = downloads.get(trivyCache); other !== undefined; other = downloads.get(trivyCache)) {
    const { done, signal } = other;
    const failure = await orAborted(done, ctx.signal).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    ctx.signal.throwIfAborted();
    if (failure === undefined) return;
    // That the other's step was cancelled says nothing of the source.
    if (!signal.aborted) throw failure.error;
  }
  const done = fetchDatabase(ctx, repository).finally(() => downloads.delete(trivyCache));
  downloads.set(trivyCache, { done, signal: ctx.signal });
  await done;
}

/** Waits for what another does, and no longer than the waiting step itself goes on. */
async function orAborted(other: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const ended = new AbortController();
  try {
    await Promise.race([other, once(signal, 'abort', { signal: ended.signal })]);
  } finally {
    ended.abort();
  }
}

async function fetchDatabase(ctx: ToolContext, repository: string): Promise<void> {
  const { trivyCache } = ctx.settings.scan;
  await mkdir(trivyCache, { recursive: true, mode: 0o700 });
  await sweepDownloads(trivyCache);
  ctx.log('scan: fetching Trivy’s database');
  const folder = await mkdtemp(join(trivyCache, INCOMING));
  try {
    const source = repository === OWN_SOURCE ? [] : ['--db-repository', repository];
    const args = ['fs', ...NO_SETTINGS, '--download-db-only', ...source, '--cache-dir', folder];
    await runTool(ctx, 'trivy', args, {
      network: true,
      writes: [folder],
      failure: 'unreachable',
      timeMs: DOWNLOAD_MS,
    });
    await putInPlace(folder, trivyCache);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Puts a whole database in the place of the one before, file by file, so that whoever copies it meanwhile has the one or
 * the other. Its date comes last: a copy that lies between is younger than it is said to be, never older.
 */
async function putInPlace(from: string, cache: string): Promise<void> {
  const fetched = await trivyDatabaseDate(from);
  if (fetched === undefined)
    throw new PackagingError('unreachable', 'Trivy fetched no database', { reason: 'no-database' });
  const present = await trivyDatabaseDate(cache);
  // Another worker that shares the cache was quicker, and has a newer one.
  if (present !== undefined && present > fetched) return;
  await mkdir(join(cache, 'db'), { recursive: true, mode: 0o700 });
  for (const name of ['trivy.db', 'metadata.json'])
    await rename(join(from, 'db', name), join(cache, 'db', name));
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

/**
 * Why no package could be scanned now, and what to do; undefined when all is well, or a configured source may mend it.
 */
export async function scanDatabaseProblem(
  { trivyCache, trivyRepository, osvDatabase, maxDatabaseAgeHours }: ScanSettings,
  scanner: Scanner,
): Promise<string | undefined> {
  if (scanner === 'trivy' && trivyRepository !== undefined && trivyRepository !== OWN_SOURCE)
    return undefined;
  const date = await (scanner === 'trivy' ? trivyDatabaseDate(trivyCache) : osvDatabaseDate(osvDatabase));
  try {
    checkAge(date, maxDatabaseAgeHours, scanner);
    return undefined;
  } catch (error) {
    return (error as PackagingError).message;
  }
}

/** The oldest ecosystem's database counts: what it does not know would pass. */
export async function osvDatabaseDate(folder: string): Promise<Date | undefined> {
  const root = join(folder, 'osv-scalibr');
  const dates: Date[] = [];
  for (const name of await readdir(root).catch(() => [])) {
    const found = await stat(join(root, name, 'all.zip')).catch(() => undefined);
    if (found !== undefined) dates.push(found.mtime);
  }
  return dates.sort((a, b) => a.getTime() - b.getTime())[0];
}
