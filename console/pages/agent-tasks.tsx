import type { Context } from 'hono';
import type { Identity } from '../../contracts/access/access.ts';
import { createdTasksSchema, MAX_BULK_TASKS } from '../../contracts/agent-task/task.ts';
import { type Api, withQuery } from '../api.ts';
import { Page } from '../components/page.tsx';
import { Empty, ProblemNote } from '../components/parts.tsx';
import { ApiProblem } from '../problem.ts';
import { fields, values } from '../query.ts';
import type { AddPages } from '../types.ts';
import { parseTaskForm, TaskFields } from './task-form.tsx';

const AGENTS = '/console/agents';

/** What agents may be chosen by, on the page that lists them as for a task. */
export const AGENT_FILTERS = ['hostname', 'platform', 'status', 'tag', 'agent_version'] as const;
type Filter = Readonly<Record<string, string>>;

/** A fleet moves while somebody writes: so many times the agents that were named may get the task, and no more. */
const GROWTH = 1.1;
/** Why a page is shown again: far more agents fit than were named, or none. */
type Moved = 'grown' | 'gone';

/** Agents that were ticked, or all that fit a filter, as many as there were when somebody last looked. */
type Target =
  | { readonly kind: 'ticked'; readonly ids: readonly string[] }
  | { readonly kind: 'fitting'; readonly filter: Filter; readonly count: number };

/** A task for each of many agents; how many at most is the API's to say. */
export const addAgentTasks: AddPages = (app) => {
  app.post(`${AGENTS}/tasks/new`, async (c) => {
    const { api, operator } = c.var;
    const filter = await filterOf(c);
    const target: Target =
      filter === undefined
        ? { kind: 'ticked', ids: await values(c, 'agent_ids') }
        : { kind: 'fitting', filter, count: await countFitting(api, filter) };
    return c.html(<NewTaskPage operator={operator} target={target} />);
  });

  app.post(`${AGENTS}/tasks`, async (c) => {
    const { api, operator } = c.var;
    const form = await fields(c);
    const filter = await filterOf(c);
    const target: Target =
      filter === undefined
        ? { kind: 'ticked', ids: await values(c, 'agent_ids') }
        : { kind: 'fitting', filter, count: Number(form['count'] ?? 0) };
    const page = (props: Partial<NewTaskProps>, status: number) =>
      c.html(<NewTaskPage operator={operator} target={target} form={form} {...props} />, status as 409);
    /** Nothing was created: the page shows how many fit now, and keeps what was written. */
    const again = async (filter: Filter, moved: Moved) =>
      page({ target: { kind: 'fitting', filter, count: await countFitting(api, filter) }, moved }, 409);
    const create = async () => {
      const task = parseTaskForm(form);
      if (target.kind === 'fitting' && !(target.count > 0)) return again(target.filter, 'grown');
      const body = { ...whomOf(target), ...task };
      const { count, correlation_id } = await api.post('/tasks/bulk', createdTasksSchema, body);
      if (count === 0 && target.kind === 'fitting') return again(target.filter, 'gone');
      return c.redirect(
        `/console/tasks?correlation_id=${encodeURIComponent(correlation_id)}&created=${count}`,
        303,
      );
    };
    const refused = (error: unknown) => {
      if (!(error instanceof ApiProblem) || error.problem.status === 401) throw error;
      return page({ problem: error.problem }, error.problem.status);
    };
    return create()
      .catch((error: unknown) => {
        const tooMany = error instanceof ApiProblem && error.problem.code === 'too-many-agents';
        if (tooMany && target.kind === 'fitting') return again(target.filter, 'grown');
        throw error;
      })
      .catch(refused);
  });
};

/** The API alone decides whether too many fit, in the same moment in which it creates the tasks. */
function whomOf(target: Target) {
  return target.kind === 'ticked'
    ? { selection: { agent_ids: target.ids } }
    : {
        selection: target.filter,
        max_agents: Math.min(MAX_BULK_TASKS, Math.floor(target.count * GROWTH)),
      };
}

/** Offered beside a list that is filtered: the API gives tasks to everybody only by saying so. */
export function TaskForFitting({ query }: { query: Filter }) {
  const filter = filterIn(query);
  if (Object.keys(filter).length === 0) return null;
  return (
    <form method="post" action={`${AGENTS}/tasks/new`} class="actions">
      <input type="hidden" name="filter" value={written(filter)} />
      <button type="submit">Task for all that fit this filter…</button>
    </form>
  );
}

const written = (filter: Filter): string => new URLSearchParams(filter).toString();

const filterIn = (query: Filter): Filter =>
  Object.fromEntries(AGENT_FILTERS.flatMap((name) => (query[name] ? [[name, query[name]]] : [])));

/** The filter that a form carries; undefined when it carries ticked agents. */
async function filterOf(c: Context): Promise<Filter | undefined> {
  const { filter } = await c.req.parseBody();
  return typeof filter === 'string' ? filterIn(Object.fromEntries(new URLSearchParams(filter))) : undefined;
}

/** Agents that would get the task now. Refused when there are more than one request may give a task to. */
async function countFitting(api: Api, selection: Filter): Promise<number> {
  const body = { selection, task_type: 'COLLECT' };
  return (await api.post('/tasks/bulk?dry_run=true', createdTasksSchema, body)).count;
}

interface NewTaskProps {
  readonly operator: Identity;
  readonly target: Target;
  readonly form?: Record<string, string>;
  readonly problem?: ApiProblem['problem'];
  readonly moved?: Moved;
}

function NewTaskPage({ operator, target, form = {}, problem, moved }: NewTaskProps) {
  const count = target.kind === 'ticked' ? target.ids.length : target.count;
  const back = target.kind === 'ticked' ? AGENTS : withQuery(AGENTS, target.filter);
  return (
    <Page title="New task" section={AGENTS} operator={operator}>
      {problem === undefined ? null : <ProblemNote problem={problem} />}
      {moved === undefined ? null : (
        <div class="problem" role="alert">
          <strong>
            {moved === 'grown'
              ? 'The number of agents that fit has changed too much.'
              : 'No agent fitted the filter any more.'}
          </strong>{' '}
          Nothing was created yet.
        </div>
      )}
      {count === 0 && moved === undefined ? (
        <Empty>
          {target.kind === 'ticked'
            ? 'No agent was selected.'
            : 'No agent that is not revoked fits the filter.'}{' '}
          <a href={back}>Back to the agents</a>
        </Empty>
      ) : (
        <form method="post" action={`${AGENTS}/tasks`}>
          <Whom target={target} />
          <TaskFields form={form} />
          <div class="actions">
            <button type="submit">{submitWords(count)}</button>
            <a class="button" href={back}>
              Cancel
            </a>
          </div>
        </form>
      )}
    </Page>
  );
}

function submitWords(count: number): string {
  if (count === 0) return 'Count again';
  return count === 1 ? 'Create the task' : `Create ${count} tasks`;
}

const FILTER_WORDS: Readonly<Record<(typeof AGENT_FILTERS)[number], string>> = {
  hostname: 'hostname holds',
  platform: 'platform is',
  status: 'status is',
  tag: 'tag is',
  agent_version: 'agent version is',
};

function Whom({ target }: { target: Target }) {
  if (target.kind === 'ticked') {
    const { ids } = target;
    return (
      <>
        <p>
          For <strong>{ids.length === 1 ? 'one agent' : `${ids.length} agents`}</strong>. Each gets a task of
          its own.
        </p>
        {ids.map((id) => (
          <input type="hidden" name="agent_ids" value={id} />
        ))}
      </>
    );
  }
  const { filter, count } = target;
  return (
    <>
      {count === 0 ? (
        <p>No agent that is not revoked fits this filter now. What you wrote is kept below.</p>
      ) : (
        <p>
          For <strong>{count === 1 ? 'the one agent that fits' : `all ${count} agents that fit`}</strong> this
          filter, however many were on the page. Each gets a task of its own; revoked agents get none.
        </p>
      )}
      <ul>
        {AGENT_FILTERS.filter((name) => filter[name] !== undefined).map((name) => (
          <li>
            {FILTER_WORDS[name]} <strong>{filter[name]}</strong>
          </li>
        ))}
      </ul>
      <input type="hidden" name="filter" value={written(filter)} />
      <input type="hidden" name="count" value={count} />
    </>
  );
}
