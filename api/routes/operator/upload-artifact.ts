import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { z } from 'zod';
import { artifactSchema, artifactUploadQuery } from '../../../contracts/artifact/artifact.ts';
import { StoreFullError } from '../../../db/stores/artifact/stored-object-store.ts';
import { ArtifactHashError, ArtifactTooLargeError } from '../../../runtime/content-store/content-store.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { ApiError } from '../../problems.ts';
import { actorOf, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

/** The body is streamed to disk; it is never held in memory. */
export const uploadArtifact: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/artifacts',
      tags: ['artifacts'],
      summary: 'Upload a file that agents may download; the same content is kept once',
      security: OPERATOR_SECURITY,
      request: {
        query: artifactUploadQuery,
        body: {
          required: true,
          content: { 'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) } },
        },
      },
      responses: {
        201: answer('Kept', artifactSchema),
        ...problems([
          'unauthenticated',
          'forbidden',
          'payload-too-large',
          'unsupported-media-type',
          'store-full',
        ]),
      },
    },
    authorize('operator'),
  );
  app.openapi(route, async (c) => {
    if (!/^application\/octet-stream\s*(;|$)/i.test(c.req.header('content-type') ?? '')) {
      throw new ApiError(
        'unsupported-media-type',
        'Send the bytes with the header Content-Type: application/octet-stream.',
      );
    }
    const { name, sha256: expected } = c.req.valid('query');
    const body = c.req.raw.body;
    const content = body === null ? Readable.from([]) : Readable.fromWeb(body as ReadableStream);
    const kept = await deps.content.add(content, expected).catch((error: unknown) => {
      if (error instanceof ArtifactTooLargeError)
        throw new ApiError('payload-too-large', `${error.message} are not taken.`);
      if (error instanceof ArtifactHashError) {
        throw new ApiError('validation-failed', `${error.message}; nothing was kept.`, {
          errors: [{ path: 'sha256', message: `is ${error.actual}` }],
        });
      }
      if (error instanceof StoreFullError) throw new ApiError('store-full', `${error.message}.`);
      throw error;
    });
    const artifact = await deps.stores.artifacts.add(
      { ...kept, name },
      actorOf(c.var.operator),
      c.var.correlationId,
    );
    return c.json(artifact, 201);
  });
};
