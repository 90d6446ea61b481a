import type { z } from 'zod';
import { type Page, pageOf, pageQuery } from '../../../../contracts/http/common.ts';
import {
  incidentCallSchema,
  incidentOccurrenceSchema,
  incidentRemedySchema,
  incidentStepSchema,
} from '../../../../contracts/incident/incident.ts';
import type { IncidentStore } from '../../../../db/stores/incident/incident-store.ts';
import { answer, guarded, problems } from '../../../openapi/route.ts';
import { idParams, OPERATOR_SECURITY, type OperatorRoute } from '../../types.ts';

type Paging = { cursor?: string | undefined; limit: number };

/** A list of what belongs to one incident; for an incident that there is not, it is empty. */
function part<Item extends z.ZodType>(
  name: string,
  summary: string,
  item: Item,
  read: (incidents: IncidentStore, id: string, page: Paging) => Promise<Page<z.infer<Item>>>,
): OperatorRoute {
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
      const page = await read(deps.stores.incidents, c.req.valid('param').id, c.req.valid('query'));
      return c.json(page, 200);
    });
  };
}

export const listIncidentOccurrences = part(
  'occurrences',
  'Tasks that failed so, newest first',
  incidentOccurrenceSchema,
  (incidents, id, page) => incidents.occurrences(id, page),
);

export const listIncidentRemedies = part(
  'remedies',
  'Devices on their way through approved remedies, newest first',
  incidentRemedySchema,
  (incidents, id, page) => incidents.remedies(id, page),
);

export const listIncidentCalls = part(
  'calls',
  'Questions to providers and their answers, redacted, newest first',
  incidentCallSchema,
  (incidents, id, page) => incidents.calls(id, page),
);

export const listIncidentTimeline = part(
  'timeline',
  'What happened to the incident, and by whom, newest first',
  incidentStepSchema,
  (incidents, id, page) => incidents.timeline(id, page),
);
