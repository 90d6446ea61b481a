import { type Agent, agentSchema } from '../../contracts/agent/agent.ts';
import { OPEN_TASK_STATUSES } from '../../contracts/agent-task/states.ts';
import { taskSchema } from '../../contracts/agent-task/task.ts';
import { MAX_PAGE_SIZE } from '../../contracts/http/common.ts';
import type { Api } from '../api.ts';
import type { AddPages } from '../types.ts';
import { Confirm } from './confirm.tsx';

const PATH = '/console/agents';
/** Of agents that are revoked together; each takes some questions to count. */
const MAX_COUNTED = 20;

/** The agent, and those not yet revoked that came from it by its certificate or by theirs. */
async function familyOf(api: Api, agent: Agent): Promise<{ agents: readonly Agent[]; isWhole: boolean }> {
  const found = [agent];
  let isWhole = true;
  for (const { id } of found) {
    if (found.length > MAX_COUNTED) isWhole = false;
    if (!isWhole) break;
    const page = await api.page('/agents', agentSchema, { cloned_from: id, limit: MAX_COUNTED });
    found.push(...page.items);
    if (page.next_cursor !== null) isWhole = false;
  }
  return { agents: found.filter(({ revoked_at }) => revoked_at === null), isWhole };
}

async function openTasks(api: Api, agents: readonly Agent[], isWhole = true): Promise<string> {
  let count = 0;
  let isAll = isWhole;
  for (const { id } of agents) {
    for (const status of OPEN_TASK_STATUSES) {
      const page = await api.page('/tasks', taskSchema, { agent_id: id, status, limit: MAX_PAGE_SIZE });
      count += page.items.length;
      if (page.next_cursor !== null) isAll = false;
    }
  }
  return isAll ? (count === 0 ? 'none' : String(count)) : `at least ${count}`;
}

const asked = (api: Api, id: string): Promise<Agent> =>
  api.get(`/agents/${encodeURIComponent(id)}`, agentSchema);

/** What ends an agent is asked for with all that ends with it. */
export const addAgentEnds: AddPages = (app) => {
  app.get(`${PATH}/:id/revoke`, async (c) => {
    const { api, operator } = c.var;
    const agent = await asked(api, c.req.param('id'));
    const { agents, isWhole } = await familyOf(api, agent);
    return c.html(
      <Confirm
        operator={operator}
        section={PATH}
        title={`Revoke ${agent.hostname}?`}
        verb={agents.length > 1 ? 'Revoke these agents' : 'Revoke this agent'}
        back={`${PATH}/${agent.id}`}
      >
        {agents.length > 1
          ? `${isWhole ? agents.length : `At least ${agents.length}`} agents lose their certificates at once: this one and those that enrolled with its certificate. They`
          : 'One agent loses its certificate at once. It'}{' '}
        can no longer report or take tasks, and can only come back by enrolling anew. Open tasks that end,
        begun or not: {await openTasks(api, agents, isWhole)}.
      </Confirm>,
    );
  });
  app.post(`${PATH}/:id/revoke`, async (c) => {
    const id = encodeURIComponent(c.req.param('id'));
    await c.var.api.post(`/agents/${id}/revoke`, agentSchema);
    return c.redirect(`${PATH}/${id}`, 303);
  });

  app.get(`${PATH}/:id/delete`, async (c) => {
    const { api, operator } = c.var;
    const agent = await asked(api, c.req.param('id'));
    return c.html(
      <Confirm
        operator={operator}
        section={PATH}
        title={`Delete ${agent.hostname}?`}
        verb="Delete this agent"
        back={`${PATH}/${agent.id}`}
      >
        One agent is removed with its tasks, telemetry and certificates. Open tasks that end, begun or not:{' '}
        {await openTasks(api, [agent])}. Its audit events stay. This cannot be undone.
      </Confirm>,
    );
  });
  app.post(`${PATH}/:id/delete`, async (c) => {
    await c.var.api.delete(`/agents/${encodeURIComponent(c.req.param('id'))}`);
    return c.redirect(PATH, 303);
  });
};
