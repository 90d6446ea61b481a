import type { PoolClient } from 'pg';
import type { Agent, AgentListQuery, AgentStatus, Platform, Tags } from '../../../contracts/agent/agent.ts';
import type { RegisterRequest } from '../../../contracts/agent/enrolment.ts';
import type { Actor } from '../../../contracts/audit/audit.ts';
import type { Page } from '../../../contracts/http/common.ts';
import { type Database, inTransaction } from '../../database.ts';
import type { AgentRow } from '../../models/rows.ts';
import { lockPresence } from '../agent-presence/lock.ts';
import { moveTasks } from '../agent-task/move.ts';
import { appendAudit } from '../audit.ts';
import { boundedPage } from '../bounded-page.ts';
import { iso, isoOrNull } from '../keyset.ts';
import { type EnrolmentAnswer, enrolByCertificate, enrolByToken } from './enrolment.ts';
import { agentFilters, clonesOf, heartbeatFilters } from './selection.ts';

export interface FleetSummary {
  readonly total: number;
  readonly by_status: Record<AgentStatus, number>;
  readonly by_platform: Record<Platform, number>;
  readonly by_agent_version: Record<string, number>;
}

const READ =
  'SELECT a.*, p.last_heartbeat_at, p.last_error FROM agent a JOIN agent_presence p ON p.agent_id = a.id';

/** Agents as operators see them, and their identities. */
export class AgentStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  enrolByToken(request: RegisterRequest, correlationId: string): Promise<EnrolmentAnswer> {
    return enrolByToken(this.#database.pool, request, correlationId);
  }

  enrolByCertificate(
    request: RegisterRequest,
    ownerId: string,
    correlationId: string,
  ): Promise<EnrolmentAnswer> {
    return enrolByCertificate(this.#database.pool, request, ownerId, correlationId);
  }

  /** Whether an agent may speak. */
  async admission(agentId: string): Promise<'admitted' | 'revoked' | 'unknown'> {
    const { rows } = await this.#database.pool.query<{ revoked: boolean }>({
      name: 'agent-admission',
      text: 'SELECT revoked FROM agent_presence WHERE agent_id = $1',
      values: [agentId],
    });
    if (rows[0] === undefined) return 'unknown';
    return rows[0].revoked ? 'revoked' : 'admitted';
  }

  async find(agentId: string): Promise<Agent | undefined> {
    const { rows } = await this.#database.pool.query<AgentRow>(`${READ} WHERE a.id = $1`, [agentId]);
    return rows[0] === undefined ? undefined : toAgent(rows[0]);
  }

  list(query: AgentListQuery): Promise<Page<Agent>> {
    const window = heartbeatFilters(query);
    const listed = {
      name: 'agents',
      filters: [...agentFilters(query), ...clonesOf(query.cloned_from), ...window],
      cursor: query.cursor,
      limit: query.limit,
    };
    return boundedPage<AgentRow, Agent>(
      this.#database.pool,
      window.length > 0
        ? {
            ...listed,
            table: 'agent',
            columns: 'r.*',
            beside: 'SELECT p.last_heartbeat_at, p.last_error FROM agent_presence p WHERE p.agent_id = r.id',
          }
        : {
            ...listed,
            table: 'agent',
            columns: 'r.*, p.last_heartbeat_at, p.last_error',
            join: 'LEFT JOIN agent_presence p ON p.agent_id = r.id',
          },
      toAgent,
    );
  }

  async summary(): Promise<FleetSummary> {
    const { rows } = await this.#database.pool.query<{
      status: AgentStatus | null;
      platform: Platform | null;
      agent_version: string | null;
      count: number;
    }>(
      `SELECT status, platform, agent_version, sum(agents)::bigint AS count FROM agent_count
       GROUP BY GROUPING SETS ((status), (platform), (agent_version)) HAVING sum(agents) <> 0`,
    );
    const by = (column: 'status' | 'platform' | 'agent_version') =>
      Object.fromEntries(rows.flatMap((row) => (row[column] === null ? [] : [[row[column], row.count]])));
    const byStatus = { ONLINE: 0, OFFLINE: 0, DEGRADED: 0, UNKNOWN: 0, ...by('status') };
    return {
      total: Object.values(byStatus).reduce((sum, count) => sum + count, 0),
      by_status: byStatus,
      by_platform: { windows: 0, macos: 0, linux: 0, ...by('platform') },
      by_agent_version: by('agent_version'),
    };
  }

  /** Replaces an agent's tags. */
  async setTags(
    agentId: string,
    tags: Tags,
    actor: Actor,
    correlationId: string,
  ): Promise<Agent | undefined> {
    await inTransaction(this.#database.pool, async (client) => {
      const { rows } = await client.query<{ before: object }>(
        `UPDATE agent a SET tags = $2, updated_at = now() FROM (SELECT id, tags AS before FROM agent WHERE id = $1 FOR UPDATE) old
         WHERE a.id = old.id RETURNING old.before`,
        [agentId, JSON.stringify(tags)],
      );
      if (rows[0] === undefined) return;
      await appendAudit(client, [
        change('agent.tags', agentId, actor, correlationId, { tags: rows[0].before }, { tags }),
      ]);
    });
    return this.find(agentId);
  }

  /**
   * Shuts an agent and all that came from it by its certificate out from their next request on, and ends their open
   * tasks; saying it again is harmless. Owners come before their clones, so that none is made behind our back.
   */
  async revoke(agentId: string, actor: Actor, correlationId: string): Promise<Agent | undefined> {
    await this.#revokeOne(agentId, actor, correlationId);
    const { rows } = await this.#database.pool.query<{ id: string }>(
      'SELECT id FROM agent WHERE cloned_from = $1 ORDER BY id',
      [agentId],
    );
    for (const clone of rows) await this.revoke(clone.id, actor, correlationId);
    return this.find(agentId);
  }

  async #revokeOne(agentId: string, actor: Actor, correlationId: string): Promise<void> {
    await inTransaction(this.#database.pool, async (client) => {
      await lockPresence(client, agentId);
      const { rows } = await client.query<{ before: AgentStatus }>(
        `UPDATE agent a SET revoked_at = now(), status = 'OFFLINE', updated_at = now()
         FROM (SELECT id, status AS before FROM agent WHERE id = $1 AND revoked_at IS NULL FOR UPDATE) old
         WHERE a.id = old.id RETURNING old.before`,
        [agentId],
      );
      if (rows[0] === undefined) return;
      await client.query(`UPDATE agent_presence SET revoked = true, status = 'OFFLINE' WHERE agent_id = $1`, [
        agentId,
      ]);
      await client.query('UPDATE alert SET resolved_at = now() WHERE agent_id = $1 AND resolved_at IS NULL', [
        agentId,
      ]);
      await endOpenTasks(client, agentId, actor, 'The agent was revoked');
      await appendAudit(client, [
        change(
          'agent.revoke',
          agentId,
          actor,
          correlationId,
          { status: rows[0].before, revoked: false },
          { status: 'OFFLINE', revoked: true },
        ),
      ]);
    });
  }

  /**
   * Deletes an agent with all that belongs to it except the audit; its open tasks end.
   *
   * @returns false when there is no such agent
   */
  async delete(agentId: string, actor: Actor, correlationId: string): Promise<boolean> {
    // Shut out first, by a short statement: its heartbeats, and all that share their batch, would otherwise wait for
    // as long as the deletion takes.
    await this.#database.pool.query('UPDATE agent_presence SET revoked = true WHERE agent_id = $1', [
      agentId,
    ]);
    return inTransaction(this.#database.pool, async (client) => {
      await lockPresence(client, agentId);
      // Locked before its tasks, so that no task is created for it meanwhile.
      const { rows } = await client.query<{ hostname: string; status: AgentStatus }>(
        'SELECT hostname, status FROM agent WHERE id = $1 FOR UPDATE',
        [agentId],
      );
      if (rows[0] === undefined) return false;
      await endOpenTasks(client, agentId, actor, 'The agent was deleted');
      await client.query('DELETE FROM telemetry WHERE agent_id = $1', [agentId]);
      await client.query('DELETE FROM agent WHERE id = $1', [agentId]);
      await appendAudit(client, [change('agent.delete', agentId, actor, correlationId, rows[0], null)]);
      return true;
    });
  }
}

async function endOpenTasks(
  client: PoolClient,
  agentId: string,
  actor: Actor,
  reason: string,
): Promise<void> {
  await moveTasks(client, {
    word: 'cancel',
    actor,
    pick: `SELECT id, status AS before_status FROM agent_task
      WHERE agent_id = $3 AND status IN ('PENDING', 'ASSIGNED', 'IN_PROGRESS') ORDER BY id FOR UPDATE`,
    set: 'completed_at = now(), error_message = $4',
    params: [agentId, reason],
    tell: 'now',
  });
}

function change(
  action: string,
  agentId: string,
  actor: Actor,
  correlationId: string,
  before: object,
  after: object | null,
) {
  return {
    actor,
    action,
    kind: 'change',
    object_type: 'agent',
    object_id: agentId,
    before,
    after,
    correlation_id: correlationId,
  } as const;
}

function toAgent(row: AgentRow): Agent {
  return {
    id: row.id,
    hostname: row.hostname,
    platform: row.platform,
    platform_version: row.platform_version,
    agent_version: row.agent_version,
    registration_key: row.registration_key,
    status: row.status,
    is_online: row.status === 'ONLINE' || row.status === 'DEGRADED',
    first_seen_at: iso(row.first_seen_at),
    last_heartbeat_at: isoOrNull(row.last_heartbeat_at),
    last_error: row.last_error,
    cpu_cores: row.cpu_cores,
    memory_mb: row.memory_mb,
    disk_gb: row.disk_gb,
    ip_address: row.ip_address,
    mac_address: row.mac_address,
    tags: row.tags,
    metadata: row.metadata,
    revoked_at: isoOrNull(row.revoked_at),
    cloned_from: row.cloned_from,
    created_at: iso(row.created_at),
    updated_at: iso(row.updated_at),
  };
}
