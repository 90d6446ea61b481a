import { rolloutPlanListQuery, rolloutPlanRecordSchema } from '../../../contracts/fleet-file/fleet-file.ts';
import { pageOf } from '../../../contracts/http/common.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const listPlans: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/rollout-plans',
      tags: ['deployments'],
      summary: 'Rollout plans that were applied, by name',
      security: OPERATOR_SECURITY,
      request: { query: rolloutPlanListQuery },
      responses: {
        200: answer('One page', pageOf(rolloutPlanRecordSchema)),
        ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => c.json(await deps.stores.fleetFiles.listPlans(c.req.valid('query')), 200));
};
