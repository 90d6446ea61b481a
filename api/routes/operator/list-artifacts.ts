import { artifactListQuery, artifactSchema } from '../../../contracts/artifact/artifact.ts';
import { pageOf } from '../../../contracts/http/common.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listArtifacts: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/artifacts',
      tags: ['artifacts'],
      summary: 'Files that agents may download, by hash',
      security: OPERATOR_SECURITY,
      request: { query: artifactListQuery },
      responses: {
        200: answer('One page', pageOf(artifactSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => c.json(await deps.stores.artifacts.list(c.req.valid('query')), 200));
};
