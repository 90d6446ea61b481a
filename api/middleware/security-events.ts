import type { Context } from 'hono';
import type { Actor, SecurityAction } from '../../contracts/audit/audit.ts';
import type { ApiDependencies, ApiEnv } from '../context.ts';

type Event = { readonly action: SecurityAction; readonly actor: Actor; readonly after: object };

/** Audits a security event. It never changes the answer: a database that is away costs the event, with a log line. */
export async function auditSecurity(
  c: Context<ApiEnv>,
  deps: Pick<ApiDependencies, 'stores' | 'logger'>,
  event: Event,
): Promise<void> {
  try {
    await deps.stores.audit.append({
      ...event,
      kind: 'security',
      object_type: 'request',
      object_id: c.req.path.slice(0, 200),
      correlation_id: c.var.correlationId,
    });
  } catch (error) {
    deps.logger.error(
      { err: error, action: event.action, correlation_id: c.var.correlationId },
      'A security event could not be audited',
    );
  }
}
