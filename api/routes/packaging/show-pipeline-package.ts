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
    const content = sha256 && bytes ? await deps.content.read(sha256, 0, Number(bytes) - 1) : undefined;
    if (content === undefined) throw notFound('package of pipeline', id);
    c.header('ETag', `"${sha256}"`);
    c.header('Content-Type', 'application/octet-stream');
    c.header('Content-Length', String(bytes));
    return c.body(Readable.toWeb(content) as ReadableStream, 200);
  });
};
