import { isFinal } from '../../contracts/agent-task/states.ts';
import { type Task, taskSchema } from '../../contracts/agent-task/task.ts';
import { type AuditEvent, auditEventSchema } from '../../contracts/audit/audit.ts';
import type { Api } from '../api.ts';
import { Act } from '../components/form.tsx';
import { Page } from '../components/page.tsx';
import { Facts, Section, Status, Time } from '../components/parts.tsx';
import { Values } from '../components/values.tsx';
import { WorkflowLink } from '../components/workflow-link.tsx';
import type { LiveTopic } from '../live/hub.ts';
import { may } from '../may.ts';
import type { AddPages } from '../types.ts';
import { Confirm } from './confirm.tsx';

const PATH = '/console/tasks';

/** What is waited for now, in the operator's words. */
export function waitsFor(task: Task): string {
  switch (task.status) {
    case 'PENDING':
      return task.assigned_at === null
        ? 'for a heartbeat of its agent, which takes it'
        : 'for a heartbeat of its agent: the last hand-over was lost';
    case 'ASSIGNED':
      return 'for its agent to start it; handed over again when that takes longer than two heartbeats';
    case 'IN_PROGRESS':
      return `for its agent to finish it, at most ${task.timeout_seconds} s from the start`;
    default:
      return 'for nothing: this is its end';
  }
}

/** How the changing part of a page begins whose task is being worked on. */
const RUNNING = '<div class="is-running"';

const classOf = ({ status }: Task): string | undefined =>
  isFinal(status) ? 'is-final' : status === 'IN_PROGRESS' ? 'is-running' : undefined;

async function story(api: Api, id: string) {
  const [task, audit] = await Promise.all([
    api.get(`/tasks/${encodeURIComponent(id)}`, taskSchema),
    api.page('/audit-events', auditEventSchema, { object_id: id, limit: 100 }),
  ]);
  return <Story task={task} events={[...audit.items].reverse()} />;
}

function Story({ task, events }: { task: Task; events: readonly AuditEvent[] }) {
  return (
    <div class={classOf(task)}>
      <Facts
        entries={[
          ['Status', <Status of={task.status} />],
          ['Waits', waitsFor(task)],
          [
            'Progress',
            task.progress_percent === null
              ? null
              : `${task.progress_percent} % ${task.progress_message ?? ''}`,
          ],
          ['Error', task.error_message],
          ['Lost hand-overs', `${task.retry_count} of ${task.max_retries} tolerated`],
        ]}
      />
      <Section title="What happened">
        <ol class="timeline">
          {events.map((event) => (
            <li>
              <Time at={event.at} /> <strong>{event.action}</strong> by {event.actor_type} {event.actor_id}
              {event.after?.['status'] === undefined ? null : (
                <>
                  {' → '}
                  <Status of={String(event.after['status'])} />
                </>
              )}
            </li>
          ))}
        </ol>
      </Section>
      {task.result === null ? null : (
        <Section title="Result">
          <Values caption="Result" value={task.result} />
        </Section>
      )}
    </div>
  );
}

export const taskTopic: LiveTopic = {
  concerns: ({ object_id }, id) => object_id === id,
  // Progress changes no state, and is not audited.
  restless: (html) => html.startsWith(RUNNING),
  render: async (api, id) => String(await story(api, id)),
};

export const addTask: AddPages = (app, { options }) => {
  app.get(`${PATH}/:id`, async (c) => {
    const id = c.req.param('id');
    const task = await c.var.api.get(`/tasks/${encodeURIComponent(id)}`, taskSchema);
    return c.html(
      <Page title={`${task.task_type} task`} section={PATH} operator={c.var.operator} live={[`task:${id}`]}>
        <div class="card" data-topic={`task:${id}`}>
          {await story(c.var.api, id)}
        </div>
        {may(c.var.operator, 'operator') ? (
          <div class="actions">
            <span class="when-final">
              <Act action={`${PATH}/${id}/retry`} label="Run it again" />
            </span>
            <span class="when-open">
              <Act action={`${PATH}/${id}/cancel`} label="Cancel the task" danger />
            </span>
          </div>
        ) : null}
        <Section title="Origin">
          <Facts
            entries={[
              ['Agent', <a href={`/console/agents/${task.agent_id}`}>{task.agent_id}</a>],
              ['Created', <Time at={task.created_at} />],
              ['Created by', task.created_by],
              [
                'Correlation id',
                <a href={`${PATH}?correlation_id=${encodeURIComponent(task.correlation_id)}`}>
                  {task.correlation_id}
                </a>,
              ],
              [
                'Retry of',
                task.retry_of === null ? null : <a href={`${PATH}/${task.retry_of}`}>{task.retry_of}</a>,
              ],
              ['Workflow', <WorkflowLink id={task.workflow_id} ui={options.workflowsUrl} />],
            ]}
          />
        </Section>
        <Section title="Payload">
          <Values caption="Payload" value={task.payload} />
        </Section>
      </Page>,
    );
  });

  app.get(`${PATH}/:id/cancel`, async (c) => {
    const task = await c.var.api.get(`/tasks/${encodeURIComponent(c.req.param('id'))}`, taskSchema);
    return c.html(
      <Confirm
        operator={c.var.operator}
        section={PATH}
        title={`Cancel this ${task.task_type} task?`}
        verb="Cancel the task"
        back={`${PATH}/${task.id}`}
      >
        One task of one agent ends as CANCELLED: {task.id}, of agent {task.agent_id}. What the agent has
        already done on the machine is not undone.
      </Confirm>,
    );
  });
  app.post(`${PATH}/:id/cancel`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    await c.var.api.post(`/tasks/${id}/cancel`, taskSchema);
    return c.redirect(`${PATH}/${id}`, 303);
  });
  app.post(`${PATH}/:id/retry`, async (c) => {
    const again = await c.var.api.post(`/tasks/${encodeURIComponent(c.req.param('id'))}/retry`, taskSchema);
    return c.redirect(`${PATH}/${again.id}`, 303);
  });
};
