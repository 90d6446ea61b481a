import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scanner } from '../../contracts/packaging-pipeline/findings.ts';
import type { ToolContext } from '../context.ts';
import type { PackagingError } from '../errors.ts';
import type { ScanSettings } from '../settings.ts';
import { databaseError, type Kept } from './database-error.ts';
import {
  fetchTrivyStore,
  JAVA_INDEX,
  OWN_SOURCE,
  type TrivyStore,
  trivyStoreDate,
  WEAKNESSES,
} from './trivy-stores.ts';

const HOUR_MS = 3_600_000;

/** Whether a database of that moment may be scanned by: neither too old, nor from the future. */
export function isOfAge(updatedAt: Date, maxHours: number, now = new Date()): boolean {
  const hours = (now.getTime() - updatedAt.getTime()) / HOUR_MS;
  return hours <= maxHours && hours >= -24;
}

/** A database that is missing, too old, or from the future is an error: what it does not know would pass. */
export function checkAge(updatedAt: Date | undefined, maxHours: number, kept: Kept): Date {
  if (updatedAt === undefined || !isOfAge(updatedAt, maxHours))
    throw databaseError(kept, updatedAt, maxHours);
  return updatedAt;
}

interface Download {
  readonly done: Promise<void>;
  /** Of the step that fetches; the others that wait have their own. */
  readonly signal: AbortSignal;
}
/** Of downloads to one place one runs at a time, for all who wait for it. */
const downloads = new Map<string, Download>();

/** Trivy's database, fetched from the configured source where it is missing or too old. @throws PackagingError */
export async function freshTrivyDatabase(ctx: ToolContext): Promise<Date> {
  const { trivyRepository, maxDatabaseAgeHours } = ctx.settings.scan;
  const date = await freshen(ctx, WEAKNESSES, trivyRepository, maxDatabaseAgeHours);
  return checkAge(date, maxDatabaseAgeHours, 'trivy');
}

/** The same of the index by which Trivy knows Java archives; without it, it looks at none. @throws PackagingError */
export async function freshJavaIndex(ctx: ToolContext): Promise<Date> {
  const { trivyJavaRepository, maxJavaIndexAgeHours } = ctx.settings.scan;
  const date = await freshen(ctx, JAVA_INDEX, trivyJavaRepository, maxJavaIndexAgeHours);
  return checkAge(date, maxJavaIndexAgeHours, 'java');
}

async function freshen(
  ctx: ToolContext,
  store: TrivyStore,
  repository: string | undefined,
  maxHours: number,
): Promise<Date | undefined> {
  const { trivyCache } = ctx.settings.scan;
  const before = await trivyStoreDate(trivyCache, store);
  const stale = before === undefined || Date.now() - before.getTime() > (maxHours / 2) * HOUR_MS;
  if (repository === undefined || !stale) return before;
  await download(ctx, store, repository).catch((error: unknown) => {
    ctx.signal.throwIfAborted();
    // One that is still young enough will do until its source is back; of Trivy's own source nobody has said that it
    // can be reached from here, so that waiting for it is not what helps.
    if (before === undefined && repository !== OWN_SOURCE) throw error;
    ctx.log(`scan: the ${store.name} could not be fetched: ${(error as Error).message.split('\n').at(-1)}`);
  });
  return trivyStoreDate(trivyCache, store);
}

async function download(ctx: ToolContext, store: TrivyStore, repository: string): Promise<void> {
  const place = join(ctx.settings.scan.trivyCache, store.folder);
  for (let other = downloads.get(place); other !== undefined; other = downloads.get(place)) {
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
  const done = fetchTrivyStore(ctx, store, repository).finally(() => downloads.delete(place));
  downloads.set(place, { done, signal: ctx.signal });
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

/**
 * Why no package could be scanned now, and what to do; undefined when all is well, or a configured source may mend it.
 */
export async function scanDatabaseProblem(
  { trivyCache, trivyRepository, osvDatabase, maxDatabaseAgeHours }: ScanSettings,
  scanner: Scanner,
): Promise<string | undefined> {
  if (scanner === 'trivy' && trivyRepository !== undefined && trivyRepository !== OWN_SOURCE)
    return undefined;
  const date = await (scanner === 'trivy'
    ? trivyStoreDate(trivyCache, WEAKNESSES)
    : osvDatabaseDate(osvDatabase));
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
