import { policyExceptionSchema } from '../../../contracts/packaging-pipeline/exception.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { actorOf, idParams, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { movedException } from './moved-exception.ts';

export const approveException: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/policy-exceptions/{id}/approve',
      tags: ['policy exceptions'],
      summary: 'Approve an exception that somebody else requested',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('The exception', policyExceptionSchema),
        ...problems([
          'unauthenticated',
          'forbidden',
          'not-found',
          'exception-state-conflict',
          'four-eyes-required',
        ]),
      },
    },
    authorize('approver'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const moved = await deps.stores.policyExceptions.approve(
      id,
      actorOf(c.var.operator),
      c.var.correlationId,
    );
    return c.json(movedException(moved, id), 200);
  });
};
