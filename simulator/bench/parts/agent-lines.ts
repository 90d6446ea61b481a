import { Pool } from 'undici';
import { CertificateMill } from './certificates.ts';

interface HandedOver {
  readonly id: string;
}

/** What a pool answers to a POST of JSON. @throws Error when the status is not a success */
export async function post(
  pool: Pool,
  path: string,
  headers: Readonly<Record<string, string>>,
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

/** Agents of a fleet that `seedAgents` wrote, each with its certificate, as they speak through a proxy. */
export class AgentLines {
  readonly #pool: Pool;
  readonly #certificates: ReadonlyMap<string, string>;

  private constructor(pool: Pool, certificates: ReadonlyMap<string, string>) {
    this.#pool = pool;
    this.#certificates = certificates;
  }

  /** @param dataDir of the running platform, with its CA */
  static async open(dataDir: string, proxyUrl: string, agentIds: readonly string[]): Promise<AgentLines> {
    const mill = await CertificateMill.open(dataDir);
    return new AgentLines(
      new Pool(proxyUrl, { connections: 64 }),
      new Map(agentIds.map((id) => [id, `:${mill.issue(id).toString('base64')}:`])),
    );
  }

  /** @returns the tasks that are handed over */
  async heartbeat(agentId: string): Promise<readonly HandedOver[]> {
    const answer = await this.#say(agentId, `agents/${agentId}/heartbeat`, {
      status: 'ONLINE',
      instance_id: agentId,
      hardware_id: `bench-${agentId}`,
      agent_version: '1.0.0',
    });
    return (answer as { pending_tasks: HandedOver[] }).pending_tasks;
  }

  /** Starts a task, works on it and completes it. */
  async work(agentId: string, taskId: string, workMs: number): Promise<void> {
    await this.#say(agentId, `agents/tasks/${taskId}/start`, {});
    if (workMs > 0) await new Promise((resolve) => setTimeout(resolve, workMs));
    await this.#say(agentId, `agents/tasks/${taskId}/complete`, { result: { exit_code: 0 } });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #say(agentId: string, path: string, body: object): Promise<unknown> {
    return post(
      this.#pool,
      `/api/v1/${path}`,
      { 'client-cert': this.#certificates.get(agentId) ?? '' },
      body,
    );
  }
}
