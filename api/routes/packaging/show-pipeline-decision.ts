import { policyDecisionSchema } from '../../../contracts/packaging-pipeline/policy.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const showPipelineDecision: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/packaging-pipelines/{id}/decision',
      tags: ['packages'],
      summary: 'What the policy decided, rule by rule',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The decision', policyDecisionSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const decision = (await deps.stores.pipelines.row(id))?.policy_decision;
    if (decision === undefined || decision === null) throw notFound('decision of pipeline', id);
    return c.json(decision, 200);
  });
};
