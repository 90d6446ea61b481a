import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import { runTool } from '../tools/run-tool.ts';

const HOUR_MS = 3_600_000;
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

/** A database that is missing, too old, or from the future is an error: what it does not know would pass. */
export function checkAge(
  updatedAt: Date | undefined,
  maxHours: number,
  what: string,
  now = new Date(),
): Date {
  if (updatedAt === undefined)
    throw new PackagingError(
      'scan-database',
      `${what} has no database of known weaknesses: bring one to the worker`,
      {
        reason: 'missing',
      },
    );
  const hours = (now.getTime() - updatedAt.getTime()) / HOUR_MS;
  if (hours > maxHours || hours < -24)
    throw new PackagingError(
      'scan-database',
      `The database of ${what} is of ${updatedAt.toISOString()}, and may be ${maxHours} hours old at most: bring a newer one`,
      { reason: 'age' },
    );
  return updatedAt;
}

/** Trivy's database, fetched from the configured source where it is missing or too old. @throws PackagingError */
export async function freshTrivyDatabase(ctx: ToolContext): Promise<Date> {
  const { trivyCache, trivyRepository, maxDatabaseAgeHours } = ctx.settings.scan;
  const before = await trivyDatabaseDate(trivyCache);
  if (trivyRepository !== undefined) {
    const stale = before === undefined || Date.now() - before.getTime() > (maxDatabaseAgeHours / 2) * HOUR_MS;
    if (stale) {
      await mkdir(trivyCache, { recursive: true, mode: 0o700 });
      const download = [
        'fs',
        '--download-db-only',
        '--db-repository',
        trivyRepository,
        '--cache-dir',
        trivyCache,
      ];
      await runTool(ctx, 'trivy', download, { network: true, failure: 'unreachable' }).catch(
        (error: unknown) => {
          // A database that is still young enough will do until its source is back.
          ctx.signal.throwIfAborted();
          if (before === undefined) throw error;
          ctx.log('scan: the database could not be renewed');
        },
      );
    }
  }
  return checkAge(await trivyDatabaseDate(trivyCache), maxDatabaseAgeHours, 'Trivy');
}
