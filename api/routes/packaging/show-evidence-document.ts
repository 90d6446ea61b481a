import { dsseEnvelopeSchema } from '../../../contracts/packaging-pipeline/dsse.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { storedDocument } from './stored-document.ts';

export const showEvidenceDocument: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/evidence-packs/{id}/document',
      tags: ['packages'],
      summary: 'The signed document itself, byte for byte',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('A DSSE envelope', dsseEnvelopeSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const pack = await deps.stores.evidence.find(id);
    if (pack === undefined) throw notFound('evidence pack', id);
    return storedDocument(c, deps, pack.sha256, 'document', id);
  });
};
