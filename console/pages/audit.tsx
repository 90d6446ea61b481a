import { AUDIT_KINDS, type AuditEvent, auditEventSchema } from '../../contracts/audit/audit.ts';
import type { Page as PageOf } from '../../contracts/http/common.ts';
import { withQuery } from '../api.ts';
import { Choice, Field, Filters } from '../components/form.tsx';
import { Id } from '../components/id.tsx';
import { Page } from '../components/page.tsx';
import { Empty, Status, Time } from '../components/parts.tsx';
import { Pager, Table } from '../components/table.tsx';
import { Changes } from '../components/values.tsx';
import { pick } from '../query.ts';
import type { AddPages } from '../types.ts';

const PATH = '/console/audit';
const FILTERS = ['kind', 'action', 'actor_id', 'object_type', 'object_id', 'correlation_id'] as const;
const EXPORT_PAGE = 500;
const DAYS = ['from', 'until'] as const;

/** Days as people choose them, in UTC; the last one is included. */
function timesOf({ from, until }: Record<string, string>): { after?: string; before?: string } {
  const instant = (day: string, days: number) => {
    const at = Date.parse(day) + days * 86_400_000;
    return Number.isNaN(at) ? day : new Date(at).toISOString();
  };
  return {
    ...(from === undefined ? {} : { after: instant(from, 0) }),
    ...(until === undefined ? {} : { before: instant(until, 1) }),
  };
}

/** Filters as the API names them. */
function filtersOf(query: Record<string, string>): Record<string, string> {
  const { from: _from, until: _until, ...others } = query;
  return { ...others, ...timesOf(query) };
}

/** Where the console shows an object, if it does. */
function shownAt({ object_type }: AuditEvent): { path?: string } {
  if (object_type === 'agent') return { path: '/console/agents' };
  if (object_type === 'agent_task') return { path: '/console/tasks' };
  if (object_type === 'deployment') return { path: '/console/deployments' };
  if (object_type === 'incident') return { path: '/console/incidents' };
  if (object_type === 'packaging_pipeline') return { path: '/console/packages' };
  return {};
}

export function AuditTable({ events }: { events: readonly AuditEvent[] }) {
  return (
    <Table
      caption="Audit events"
      rows={events}
      columns={[
        { name: 'At', cell: (event) => <Time at={event.at} /> },
        { name: 'Action', cell: (event) => event.action },
        { name: 'Kind', cell: (event) => <Status of={event.kind} />, wide: true },
        {
          name: 'By',
          cell: (event) => (
            <>
              {event.actor_type} <Id of={event.actor_id} />
            </>
          ),
        },
        {
          name: 'Object',
          cell: (event) => (
            <>
              {event.object_type} <Id of={event.object_id} {...shownAt(event)} />
            </>
          ),
        },
        {
          name: 'Change',
          wide: true,
          cell: (event) =>
            event.before === null && event.after === null ? null : (
              <details>
                <summary>Show</summary>
                <Changes before={event.before} after={event.after} />
              </details>
            ),
        },
      ]}
    />
  );
}

/**
 * Events as JSON lines, page after page as they are taken. A page that cannot be read breaks the connection: browsers
 * and programs then know that what they have is not all.
 */
function asLines(
  first: PageOf<AuditEvent>,
  next: (cursor: string) => Promise<PageOf<AuditEvent>>,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let page = first;
  return new ReadableStream({
    async pull(out) {
      out.enqueue(encoder.encode(page.items.map((event) => `${JSON.stringify(event)}\n`).join('')));
      if (page.next_cursor === null) out.close();
      else page = await next(page.next_cursor);
    },
  });
}

export const addAudit: AddPages = (app) => {
  app.get(PATH, async (c) => {
    const query = pick(c, [...FILTERS, ...DAYS]);
    const page = await c.var.api.page('/audit-events', auditEventSchema, filtersOf(query));
    const { cursor: _cursor, ...filters } = query;
    return c.html(
      <Page title="Audit" section={PATH} operator={c.var.operator}>
        <Filters path={PATH} query={query}>
          <Choice name="kind" label="Kind" options={AUDIT_KINDS} value={query['kind']} />
          <Field name="action" label="Action" value={query['action']} />
          <Field name="actor_id" label="Actor" value={query['actor_id']} />
          <Field name="object_type" label="Object type" value={query['object_type']} />
          <Field name="object_id" label="Object id" value={query['object_id']} />
          <Field name="correlation_id" label="Correlation id" value={query['correlation_id']} />
          <Field name="from" label="From (UTC)" type="date" value={query['from']} />
          <Field name="until" label="Until (UTC)" type="date" value={query['until']} />
        </Filters>
        <p>
          <a href={withQuery(`${PATH}/export`, filters)} download="audit.jsonl">
            Export what fits as JSON lines
          </a>
        </p>
        {page.items.length === 0 ? <Empty>No event fits.</Empty> : <AuditTable events={page.items} />}
        <Pager path={PATH} query={query} next={page.next_cursor} />
      </Page>,
    );
  });

  app.get(`${PATH}/export`, async (c) => {
    const { cursor: _cursor, ...query } = filtersOf(pick(c, [...FILTERS, ...DAYS]));
    // The first page before the headers: what is refused is then still told as a page.
    const first = await c.var.api.page('/audit-events', auditEventSchema, { ...query, limit: EXPORT_PAGE });
    c.header('Content-Type', 'application/jsonl; charset=utf-8');
    c.header('Content-Disposition', 'attachment; filename="audit.jsonl"');
    return c.body(
      asLines(first, (cursor) =>
        c.var.api.page('/audit-events', auditEventSchema, { ...query, limit: EXPORT_PAGE, cursor }),
      ),
    );
  });
};
