import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { documentSchema, storedDocument } from './stored-document.ts';

export const showPipelineSbom: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/packaging-pipelines/{id}/sbom',
      tags: ['packages'],
      summary: 'The SBOM of the package, as it was made',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The document', documentSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const pipeline = await deps.stores.pipelines.row(id);
    if (pipeline === undefined) throw notFound('pipeline', id);
    return storedDocument(c, deps, pipeline.sbom_hash, 'SBOM', id);
  });
};
