import { Pool } from 'undici';
import { CertificateMill } from '../parts/certificates.ts';

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
  readonly #agents: Pool;
  readonly #certificates: ReadonlyMap<string, string>;

  private constructor(access: FleetAccess, certificates: ReadonlyMap<string, string>) {
    this.#access = access;
    this.#operators = new Pool(access.operatorUrl, { connections: 32 });
    this.#agents = new Pool(access.proxyUrl, { connections: 64 });
    this.#certificates = certificates;
  }

  static async open(access: FleetAccess): Promise<TaskDriver> {
    const mill = await CertificateMill.open(access.dataDir);
    return new TaskDriver(
      access,
      new Map(access.agentIds.map((id) => [id, `:${mill.issue(id).toString('base64')}:`])),
    );
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
    const beat = {
      status: 'ONLINE',
      instance_id: agentId,
      hardware_id: `bench-${agentId}`,
      agent_version: '1.0.0',
    };
    const { pending_tasks: tasks } = (await this.#asAgent(agentId, `agents/${agentId}/heartbeat`, beat)) as {
      pending_tasks: { id: string }[];
    };
    if (!tasks.some((task) => task.id === id)) throw new Error(`Task ${id} was not handed over`);
    await this.#asAgent(agentId, `agents/tasks/${id}/start`, {});
    await new Promise((resolve) => setTimeout(resolve, workMs));
    await this.#asAgent(agentId, `agents/tasks/${id}/complete`, { result: { exit_code: 0 } });
    return id;
  }

  async #asOperator(body: object): Promise<{ id: string }> {
    const headers = { authorization: `Bearer ${this.#access.token}` };
    return (await post(this.#operators, '/api/v1/tasks', headers, body)) as { id: string };
  }

  #asAgent(agentId: string, path: string, body: object): Promise<unknown> {
    return post(
      this.#agents,
      `/api/v1/${path}`,
      { 'client-cert': this.#certificates.get(agentId) ?? '' },
      body,
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.#operators.close(), this.#agents.close()]);
  }
}

async function post(
  pool: Pool,
  path: string,
  headers: Record<string, string>,
  body: object,
): Promise<unknown> {
  const answer = await pool.request({
    path,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`${path}: ${answer.statusCode} ${text}`);
  return JSON.parse(text);
}
