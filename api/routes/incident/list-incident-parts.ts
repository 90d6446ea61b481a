import type { z } from 'zod';
import { type Page, pageOf, pageQuery } from '../../../contracts/http/common.ts';
import {
  incidentCallSchema,
  incidentOccurrenceSchema,
  incidentRemedySchema,
  incidentStepSchema,
} from '../../../contracts/incident/incident.ts';
import type { IncidentStore } from '../../../db/stores/incident/incident-store.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

type Part = 'occurrences' | 'remedies' | 'calls' | 'timeline';
type ItemOf<Name extends Part> = Awaited<ReturnType<IncidentStore[Name]>>['items'][number];

/** A list of what belongs to one incident; for an incident that there is not, it is empty. */
function part<Name extends Part>(name: Name, item: z.ZodType<ItemOf<Name>>, summary: string): OperatorRoute {
  return (app, deps, authorize) => {
    const route = guarded(
      {
        method: 'get',
        path: `/api/v1/incidents/{id}/${name}`,
        tags: ['incidents'],
        summary,
        security: OPERATOR_SECURITY,
        request: { params: idParams, query: pageQuery },
        responses: {
          200: answer('One page', pageOf(item)),
          ...problems(['unauthenticated', 'forbidden', 'invalid-cursor']),
        },
      },
      authorize('viewer'),
    );
    app.openapi(route, async (c) => {
      const { id } = c.req.valid('param');
      const page: Page<ItemOf<Name>> = await deps.stores.incidents[name](id, c.req.valid('query'));
      return c.json(page, 200);
    });
  };
}

export const incidentParts: readonly OperatorRoute[] = [
  part('occurrences', incidentOccurrenceSchema, 'Tasks that failed so, newest first'),
  part('remedies', incidentRemedySchema, 'Devices on their way through approved remedies, newest first'),
  part('calls', incidentCallSchema, 'Questions to providers and their answers, redacted, newest first'),
  part('timeline', incidentStepSchema, 'What happened to the incident, and by whom, newest first'),
];
