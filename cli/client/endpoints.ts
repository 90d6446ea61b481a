import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { holderOf } from '../engines/lock.ts';
import { layoutOf } from '../platform/paths.ts';
import { messageOf, systemCodeOf, usageError } from './errors.ts';

/** The part of `endpoints.json` that the command line needs; the embedded platform writes the file. */
const endpointsSchema = z.looseObject({
  operator_api: z.url({ protocol: /^https?$/ }),
  admin_token_file: z.string().min(1).optional(),
});
export type Endpoints = z.infer<typeof endpointsSchema>;

const HOW_ELSE = 'Start one with `eucora platform start`, or name one: --api URL or EUCORA_API.';

export const endpointsFile = (dataDirectory: string): string => join(dataDirectory, 'endpoints.json');

/** Undefined when there is no such file; throws when it cannot be read or understood. */
export async function readEndpoints(dataDirectory: string): Promise<Endpoints | undefined> {
  const path = endpointsFile(dataDirectory);
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT' || systemCodeOf(error) === 'ENOTDIR') return undefined;
    throw usageError(`${path} cannot be read: ${messageOf(error)}`, HOW_ELSE, error);
  }
  try {
    return endpointsSchema.parse(JSON.parse(content));
  } catch (error) {
    throw usageError(`${path} is not an endpoints file`, HOW_ELSE, error);
  }
}

/**
 * A platform that was killed leaves its endpoints behind; whoever listens there now must get no token. So they are
 * believed only while the platform holds the lock of the data folder.
 */
export async function assertPlatformRuns(dataDirectory: string): Promise<void> {
  const { lock } = layoutOf(dataDirectory);
  const holder = await holderOf(lock).catch((error: unknown) => {
    throw usageError(`${lock} cannot be read: ${messageOf(error)}`, HOW_ELSE, error);
  });
  if (holder !== undefined) return;
  throw usageError(
    `No platform runs on ${dataDirectory}: ${endpointsFile(dataDirectory)} was left by one that was killed`,
    HOW_ELSE,
  );
}

export function noEndpoints(dataDirectory: string): Error {
  return usageError(`No platform is known: ${endpointsFile(dataDirectory)} does not exist`, HOW_ELSE);
}
