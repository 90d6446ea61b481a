import { z } from 'zod';
import { fleetFileSchema, fleetPlanSchema } from '../../../contracts/fleet-file/fleet-file.ts';
import { flagSchema } from '../../../contracts/http/common.ts';
import { FleetFileError } from '../../../db/stores/fleet-file/fleet-file-store.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { ApiError } from '../../problems.ts';
import { actorOf, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

const query = z.strictObject({
  dry_run: flagSchema.default(false).meta({ description: 'Only tell what would change' }),
});

export const applyFleet: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'post',
      path: '/api/v1/fleet/apply',
      tags: ['deployments'],
      summary: 'Apply policies, packages, rollout plans and exceptions: all, or nothing where a part fails',
      security: OPERATOR_SECURITY,
      request: { query, body: json(fleetFileSchema) },
      responses: {
        200: answer('What changed, or would', fleetPlanSchema),
        ...problems(['unauthenticated', 'forbidden', 'payload-too-large', 'unsupported-media-type']),
      },
    },
    authorize('operator'),
    requireJson(BODY_BYTES.operator),
  );
  app.openapi(route, async (c) => {
    const { dry_run } = c.req.valid('query');
    const { correlationId } = c.var;
    const origin = { actor: actorOf(c.var.operator), correlationId };
    const changes = await deps.stores.fleetFiles
      .apply(c.req.valid('json'), origin, dry_run)
      .catch((error: unknown) => {
        if (!(error instanceof FleetFileError)) throw error;
        throw new ApiError('validation-failed', 'Nothing was applied. Mend the part named in errors.', {
          errors: [{ path: error.path, message: error.message }],
        });
      });
    const changed = changes.filter(({ action }) => action !== 'unchanged').length;
    return c.json({ dry_run, changed, changes, correlation_id: correlationId }, 200);
  });
};
