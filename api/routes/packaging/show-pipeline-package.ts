import { Readable } from 'node:stream';
import { z } from 'zod';
import { guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

const binary = { 'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) } };

export const showPipelinePackage: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/packaging-pipelines/{id}/package',
      tags: ['packages'],
      summary: 'The package that a pipeline has made, once it is stored',
      description:
        'It is held against its hash on the way; the answer breaks off where it was changed in the store.',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: { description: 'The package', content: binary },
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const pipeline = await deps.stores.pipelines.row(id);
    const { output_artifact_hash: sha256, output_artifact_bytes: bytes } = pipeline ?? {};
    if (!sha256 || (await deps.content.size(sha256)) === undefined) throw notFound('package of pipeline', id);
    const content = Readable.from(deps.content.whole(sha256));
    content.once('error', (err) => deps.logger.error({ err, sha256 }, 'A package was not handed out whole'));
    c.header('ETag', `"${sha256}"`);
    c.header('Content-Type', 'application/octet-stream');
    c.header('Content-Length', String(bytes));
    return c.body(Readable.toWeb(content) as ReadableStream, 200);
  });
};
