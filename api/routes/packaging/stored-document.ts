import type { Context } from 'hono';
import { z } from 'zod';
import { MissingContentError } from '../../../runtime/content-store/content-store.ts';
import type { ApiDependencies, ApiEnv } from '../../context.ts';
import { notFound } from '../types.ts';

/** JSON of a form that others define. */
export const documentSchema = z.record(z.string(), z.unknown());

/** Answers JSON of the store byte for byte, checked against its hash; the hash is its entity tag. */
export async function storedDocument(
  c: Context<ApiEnv>,
  deps: ApiDependencies,
  sha256: string | null | undefined,
  what: string,
  id: string,
) {
  if (sha256 === null || sha256 === undefined) throw notFound(`${what} of`, id);
  const bytes = await deps.content.bytes(sha256).catch((error: unknown) => {
    if (!(error instanceof MissingContentError)) throw error;
    deps.logger.error({ err: error, sha256 }, 'Content of the store is missing or changed');
    throw notFound(`${what} of`, id);
  });
  c.header('ETag', `"${sha256}"`);
  // The library types JSON answers by what `json` was given, which would write the document anew.
  return c.body(new Uint8Array(bytes), 200, { 'content-type': 'application/json' }) as never;
}
