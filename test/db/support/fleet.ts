import type { Tags } from '../../../contracts/agent/agent.ts';
import type { RegisterRequest } from '../../../contracts/agent/enrolment.ts';
import type { HeartbeatRequest } from '../../../contracts/agent/heartbeat.ts';
import type { CreateTask, Task } from '../../../contracts/agent-task/task.ts';
import type { Actor } from '../../../contracts/audit/audit.ts';
import { PRESENCE_SHARDS } from '../../../contracts/temporal.ts';
import type { CheckInAnswer } from '../../../db/stores/agent-presence/check-in.ts';
import type { TestDatabase } from '../../harness/database.ts';

export const OPERATOR: Actor = { type: 'operator', id: 'test-operator' };

let machines = 0;

/** What a new machine says of itself; `csr` is of no concern to the stores. */
export function machine(overrides: Partial<RegisterRequest> = {}): RegisterRequest {
  machines += 1;
  return {
    registration_key: '',
    csr: '',
    hostname: `host-${machines}`,
    platform: 'linux',
    platform_version: '12',
    agent_version: '1.0.0',
    hardware_id: `hardware-${machines}`,
    ...overrides,
  };
}

/** Agents of a database, without API and certificates. */
export class Fleet {
  readonly database: TestDatabase;
  #token: string | undefined;

  constructor(database: TestDatabase) {
    this.database = database;
  }

  /** Enrols a machine, which has not been heard yet. */
  async enrol(tags: Tags = {}, overrides: Partial<RegisterRequest> = {}): Promise<string> {
    this.#token ??= await this.#newToken();
    const answer = await this.database.stores.agents.enrolByToken(
      machine({ tags, registration_key: this.#token, ...overrides }),
      'enrolment',
    );
    if (answer.kind !== 'enrolled') throw new Error(answer.kind);
    return answer.agentId;
  }

  /** Enrols a machine and hears it. */
  async online(tags: Tags = {}): Promise<string> {
    const id = await this.enrol(tags);
    await this.heartbeat(id);
    return id;
  }

  heartbeat(agentId: string, heartbeat: HeartbeatRequest = {}): Promise<CheckInAnswer> {
    return this.database.stores.presence.checkIns.checkIn({ agentId, heartbeat });
  }

  /** The ids of the tasks that a heartbeat hands over. */
  async handOver(agentId: string): Promise<string[]> {
    const answer = await this.heartbeat(agentId);
    return answer.kind === 'accepted' ? answer.tasks.map((task) => task.id) : [];
  }

  async task(agentId: string, overrides: Partial<CreateTask> = {}): Promise<string> {
    const creation = await this.database.stores.tasks.create(
      {
        agent_id: agentId,
        task_type: 'COLLECT',
        payload: {},
        timeout_seconds: 3_600,
        max_retries: 3,
        ...overrides,
      },
      { actor: OPERATOR, correlationId: 'test' },
    );
    if (creation.kind !== 'created') throw new Error(creation.kind);
    return creation.task.id;
  }

  async find(taskId: string): Promise<Task> {
    const task = await this.database.stores.tasks.find(taskId);
    if (task === undefined) throw new Error(`No task ${taskId}`);
    return task;
  }

  /** Agents are heard without a break: no outage moves their deadlines. */
  async listen(): Promise<void> {
    await this.database.pool.query(
      'INSERT INTO intake (alive_at) VALUES (now()) ON CONFLICT (singleton) DO UPDATE SET alive_at = now()',
    );
  }

  /** From now on time passes by `setClock` only, so that every deadline can be hit exactly. */
  async freeze(): Promise<void> {
    await this.database.pool.query(
      `CREATE OR REPLACE FUNCTION test_clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS
       'SELECT ''${new Date().toISOString()}''::timestamptz + make_interval(secs => seconds) FROM test_clock.shift'`,
    );
  }

  /** As `freeze`, while `work` goes on; then time passes by itself again. */
  async frozen<T>(work: () => Promise<T>): Promise<T> {
    const { rows } = await this.database.pool.query<{ body: string }>(
      `SELECT prosrc AS body FROM pg_proc WHERE oid = 'test_clock.now()'::regprocedure`,
    );
    await this.freeze();
    try {
      return await work();
    } finally {
      await this.database.pool.query(
        `CREATE OR REPLACE FUNCTION test_clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS $now$${rows[0]?.body}$now$`,
      );
    }
  }

  /** One pass over every presence shard. */
  async expire(): Promise<{ expired: number; alertBatches: string[]; nextInMs: number }> {
    const passes = [];
    for (let shard = 0; shard < PRESENCE_SHARDS; shard += 1)
      passes.push(await this.database.stores.presence.expireShard(shard));
    return {
      expired: passes.reduce((sum, pass) => sum + pass.expired, 0),
      alertBatches: passes.flatMap((pass) => pass.alert_batches),
      nextInMs: Math.min(...passes.map((pass) => pass.next_in_ms)),
    };
  }

  async #newToken(): Promise<string> {
    const made = await this.database.stores.enrolmentTokens.create(
      { name: 'test', expires_in_seconds: 31_536_000, max_uses: null, tags: {} },
      OPERATOR,
      'test',
    );
    return made.token;
  }
}
