import { deploymentSchema, operatorWordSchema } from '../../../contracts/deployment/deployment.ts';
import type { OperatorWord } from '../../../contracts/deployment/states.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { actorOf, idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { overlapConflict, stateConflict } from './refusals.ts';

interface Route {
  readonly path: `/api/v1/deployments/{id}/${string}`;
  readonly word: OperatorWord;
  readonly summary: string;
  /** As in: cannot be … */
  readonly done: string;
}

const ROUTES: readonly Route[] = [
  {
    path: '/api/v1/deployments/{id}/pause',
    word: 'pause',
    done: 'paused',
    summary: 'Give out no more tasks, and take back those that no agent has begun',
  },
  {
    path: '/api/v1/deployments/{id}/resume',
    word: 'resume',
    done: 'resumed',
    summary: 'Go on; also past a ring that did not pass by itself',
  },
  {
    path: '/api/v1/deployments/{id}/abort',
    word: 'abort',
    done: 'aborted',
    summary: 'End it where it stands; what is installed stays',
  },
  {
    path: '/api/v1/deployments/{id}/rollback',
    word: 'roll_back',
    done: 'rolled back',
    summary: 'Have every touched device go back to the version before, or without the package',
  },
];

/** The four words of operators differ in nothing but their names. */
export const deploymentWords: readonly OperatorRoute[] = ROUTES.map(
  ({ path, word, summary, done }): OperatorRoute =>
    (app, deps, authorize) => {
      const route = guarded(
        {
          method: 'post',
          path,
          tags: ['deployments'],
          summary,
          security: OPERATOR_SECURITY,
          request: { params: idParams, body: json(operatorWordSchema) },
          responses: {
            200: answer('The deployment', deploymentSchema),
            ...problems([
              'unauthenticated',
              'forbidden',
              'not-found',
              'deployment-state-conflict',
              'payload-too-large',
              'unsupported-media-type',
            ]),
          },
        },
        authorize('operator'),
        requireJson(BODY_BYTES.small),
      );
      app.openapi(route, async (c) => {
        const { id } = c.req.valid('param');
        const { reason } = c.req.valid('json');
        const said = await deps.stores.deployments.say(id, word, {
          actor: actorOf(c.var.operator),
          reason,
          correlationId: c.var.correlationId,
        });
        if (said.kind === 'overlap') throw overlapConflict(said.other);
        if (said.kind === 'refused') throw stateConflict(said.status, done);
        const deployment = said.kind === 'moved' ? await deps.stores.deployments.find(id) : undefined;
        if (deployment === undefined) throw notFound('deployment', id);
        return c.json(deployment, 200);
      });
    },
);
