import type { z } from 'zod';
import type { Scope } from '../../../contracts/access/access.ts';
import type { ErrorCode } from '../../../contracts/http/errors.ts';
import { incidentDetailSchema } from '../../../contracts/incident/incident.ts';
import type { Decider, DecisionAnswer } from '../../../db/stores/incident/decisions.ts';
import { BODY_BYTES } from '../../body-limits.ts';
import type { ApiDependencies } from '../../context.ts';
import { requireJson } from '../../middleware/guards.ts';
import { answer, guarded, json, problems } from '../../openapi/route.ts';
import { actorOf, idParams, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';
import { decided } from './answers.ts';

export interface Decision<Body> {
  /** The last part of the path. */
  readonly word: string;
  readonly summary: string;
  /** Which it takes; of several, each will do. */
  readonly scope: Scope | readonly Scope[];
  readonly body: z.ZodType<Body>;
  /** What it may be refused with, beside what every decision may. */
  readonly refusals?: readonly ErrorCode[];
  /** As in: the incident is CLOSED; … */
  readonly taken?: string;
  decide(deps: ApiDependencies, id: string, body: Body, decider: Decider): Promise<DecisionAnswer>;
}

const WHILE_WAITING = 'decisions are taken while it is AWAITING_DECISION';

/** A person's word on an incident: a body goes in, and the incident as it then stands comes out. */
export function decision<Body>(kind: Decision<Body>): OperatorRoute {
  return (app, deps, authorize) => {
    const route = guarded(
      {
        method: 'post',
        path: `/api/v1/incidents/{id}/${kind.word}`,
        tags: ['incidents'],
        summary: kind.summary,
        security: OPERATOR_SECURITY,
        request: { params: idParams, body: json(kind.body) },
        responses: {
          200: answer('The incident', incidentDetailSchema),
          ...problems([
            'unauthenticated',
            'forbidden',
            'not-found',
            'incident-state-conflict',
            'payload-too-large',
            'unsupported-media-type',
            ...(kind.refusals ?? []),
          ]),
        },
      },
      authorize(kind.scope),
      requireJson(BODY_BYTES.operator),
    );
    app.openapi(route, async (c) => {
      const { id } = c.req.valid('param');
      const decider = { actor: actorOf(c.var.operator), correlationId: c.var.correlationId };
      const said = await kind.decide(deps, id, c.req.valid('json'), decider);
      return c.json(await decided(deps, id, said, kind.taken ?? WHILE_WAITING), 200);
    });
  };
}
