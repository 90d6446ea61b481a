import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { AgentLines } from '../parts/agent-lines.ts';

/** Agents that speak at the same time. */
const AT_ONCE = 64;
/** Between looks for agents that have something to do, when there are none. */
const IDLE_MS = 50;

/**
 * Agents that have a task say a heartbeat, take it, and bring it to a good end; the others are silent. So each device
 * costs what it costs at the least, whoever orders its task, and nobody waits for a heartbeat's turn.
 */
export class Crew {
  readonly #pool: Pool;
  readonly #lines: AgentLines;
  readonly #workMs: number;

  constructor(pool: Pool, lines: AgentLines, workMs: number) {
    this.#pool = pool;
    this.#lines = lines;
    this.#workMs = workMs;
  }

  /** Works until `work` ends. @throws what `work` or an agent throws */
  async during<T>(work: () => Promise<T>): Promise<T> {
    let over = false;
    const shift = this.#shift(() => over);
    try {
      // An agent that fails must not be waited for until the end of what can never end.
      return await Promise.race([work(), shift.then(() => new Promise<never>(() => undefined))]);
    } finally {
      over = true;
      await shift.catch(() => undefined);
    }
  }

  async #shift(isOver: () => boolean): Promise<void> {
    const busy = new Map<string, Promise<void>>();
    let failure: unknown;
    while (!isOver() && failure === undefined) {
      const ready = busy.size < AT_ONCE ? await this.#ready([...busy.keys()]) : [];
      for (const agentId of ready)
        busy.set(
          agentId,
          this.#serve(agentId)
            .catch((error: unknown) => {
              failure ??= error;
            })
            .then(() => void busy.delete(agentId)),
        );
      if (busy.size > AT_ONCE / 2) await Promise.race(busy.values());
      else if (ready.length === 0) await delay(IDLE_MS);
    }
    await Promise.all(busy.values());
    if (failure !== undefined) throw failure;
  }

  async #serve(agentId: string): Promise<void> {
    for (const { id } of await this.#lines.heartbeat(agentId))
      await this.#lines.work(agentId, id, this.#workMs);
  }

  async #ready(busy: readonly string[]): Promise<string[]> {
    const { rows } = await this.#pool.query<{ agent_id: string }>(
      `SELECT DISTINCT agent_id FROM (
         SELECT agent_id FROM agent_task WHERE status = 'PENDING' AND agent_id <> ALL($1::uuid[]) ORDER BY id LIMIT $2) t`,
      [busy, AT_ONCE * 2],
    );
    return rows.map((row) => row.agent_id);
  }
}
