import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { documentSchema, storedDocument } from './stored-document.ts';

export const showPipelineSbom = showDocument('sbom', {
  summary: 'The SBOM of the package, as it was made',
  hash: 'sbom_hash',
  what: 'SBOM',
});

export const showPipelineScan = showDocument('scan', {
  summary: 'The scanner’s report, as it was made',
  hash: 'scan_results_hash',
  what: 'scan result',
});

interface Document {
  readonly summary: string;
  /** Where a pipeline's row keeps it. */
  readonly hash: 'sbom_hash' | 'scan_results_hash';
  readonly what: string;
}

function showDocument(name: 'sbom' | 'scan', { summary, hash, what }: Document): OperatorRoute {
  return (app, deps, authorize) => {
    const route = guarded(
      {
        method: 'get',
        path: `/api/v1/packaging-pipelines/{id}/${name}`,
        tags: ['packages'],
        summary,
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
      return storedDocument(c, deps, pipeline[hash], what, id);
    });
  };
}
