import { Pool } from 'undici';
import { AgentLines, post } from '../parts/agent-lines.ts';

export interface FleetAccess {
  /** Of the running platform, with its CA. */
  readonly dataDir: string;
  readonly operatorUrl: string;
  readonly proxyUrl: string;
  readonly token: string;
  readonly agentIds: readonly string[];
}

/** Agents and an operator that take tasks through their whole life by the real API. */
export class TaskDriver {
  readonly #access: FleetAccess;
  readonly #operators: Pool;
  readonly #agents: AgentLines;

  private constructor(access: FleetAccess, agents: AgentLines) {
    this.#access = access;
    this.#operators = new Pool(access.operatorUrl, { connections: 32 });
    this.#agents = agents;
  }

  static async open(access: FleetAccess): Promise<TaskDriver> {
    const { dataDir, proxyUrl, agentIds } = access;
    return new TaskDriver(access, await AgentLines.open(dataDir, proxyUrl, agentIds));
  }

  /**
   * Creates, hands over, starts and completes `count` tasks; each agent has one at a time, until `ended` says that its
   * workflow has ended, too.
   *
   * @returns their ids
   */
  async drive(count: number, workMs: number, ended: (id: string) => Promise<void>): Promise<string[]> {
    const ids: string[] = [];
    let next = 0;
    const slot = async (agentId: string): Promise<void> => {
      while (next < count) {
        next += 1;
        const id = await this.#one(agentId, workMs);
        await ended(id);
        ids.push(id);
      }
    };
    await Promise.all(this.#access.agentIds.map(slot));
    return ids;
  }

  async #one(agentId: string, workMs: number): Promise<string> {
    const { id } = await this.#asOperator({
      agent_id: agentId,
      task_type: 'COLLECT',
      payload: { collect: ['system'] },
    });
    const tasks = await this.#agents.heartbeat(agentId);
    if (!tasks.some((task) => task.id === id)) throw new Error(`Task ${id} was not handed over`);
    await this.#agents.work(agentId, id, workMs);
    return id;
  }

  async #asOperator(body: object): Promise<{ id: string }> {
    const headers = { authorization: `Bearer ${this.#access.token}` };
    return (await post(this.#operators, '/api/v1/tasks', headers, body)) as { id: string };
  }

  async close(): Promise<void> {
    await Promise.all([this.#operators.close(), this.#agents.close()]);
  }
}
