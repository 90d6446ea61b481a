import type { TaskStatus } from '../../../contracts/agent-task/states.ts';
import type { AgentWord } from '../../../db/stores/agent-task/words.ts';
import { type Fleet, OPERATOR } from './fleet.ts';
import { isOpen, type ModelTask, TaskModel } from './task-model.ts';

/** One step: what happens, to whom (taken modulo what there is), and a number that some steps need. */
export interface Step {
  readonly what:
    | 'create'
    | 'heartbeat'
    | 'start'
    | 'progress'
    | 'complete'
    | 'fail'
    | 'wrong_agent'
    | 'cancel'
    | 'hand_over_timer'
    | 'timeout_timer'
    | 'wait'
    | 'expire'
    | 'relay'
    | 'relay_fails'
    | 'revoke'
    | 'delete';
  readonly who: number;
  readonly n: number;
}

const WAITS = [1, 2, 60, 119, 120, 121, 299, 300, 3_600];
const WORDS: Record<'start' | 'progress' | 'complete' | 'fail', AgentWord> = {
  start: { word: 'start' },
  progress: { word: 'progress', percent: 10, message: null },
  complete: { word: 'complete', result: {} },
  fail: { word: 'fail', error_message: 'broken', result: null },
};

/** Real stores and the model side by side: every step is taken by both, and their answers are compared. */
export class TaskWorld {
  readonly fleet: Fleet;
  readonly model: TaskModel;

  constructor(fleet: Fleet, model: TaskModel) {
    this.fleet = fleet;
    this.model = model;
  }

  static async create(fleet: Fleet, agents: number): Promise<TaskWorld> {
    await fleet.database.pool.query('DELETE FROM agent_task_outbox');
    // Agents of earlier worlds can no longer expire.
    await fleet.database.pool.query(`UPDATE agent_presence SET status = 'UNKNOWN'`);
    await fleet.database.setClock(0);
    await fleet.listen();
    const ids = [];
    while (ids.length < agents) ids.push(await fleet.enrol());
    return new TaskWorld(fleet, new TaskModel(ids));
  }

  async take({ what, who, n }: Step): Promise<void> {
    const { model } = this;
    const { stores } = this.fleet.database;
    const agent = at(model.agents, who);
    const task = model.tasks.length === 0 ? undefined : at(model.tasks, n);
    switch (what) {
      case 'create':
        return this.#create(who, n);
      case 'heartbeat':
        return this.#heartbeat(who);
      case 'wait':
        return this.wait(at(WAITS, n));
      case 'expire':
        expect((await this.fleet.expire()).expired).toBe(model.expire());
        return;
      case 'relay':
      case 'relay_fails':
        return this.#relay(what === 'relay');
      case 'revoke':
        await stores.agents.revoke(agent.id, OPERATOR, 'test');
        return model.end(agent, 'revoked');
      case 'delete':
        expect(await stores.agents.delete(agent.id, OPERATOR, 'test')).toBe(agent.gone !== 'deleted');
        return model.end(agent, 'deleted');
      default:
        if (task !== undefined) await this.#onTask(what, task);
    }
  }

  async wait(seconds: number): Promise<void> {
    this.model.clock += seconds;
    await this.fleet.database.setClock(this.model.clock);
    await this.fleet.listen();
  }

  /** Everything that the database holds of the tasks is what the model says. */
  async compare(): Promise<void> {
    const ids = this.model.tasks.map((task) => task.id);
    const { rows } = await this.fleet.database.pool.query<{ seen: Seen[] }>(COMPARED, [ids]);
    const seen = new Map(
      (rows[0]?.seen ?? []).map((task) => [task.id, { ...task, changes: [...task.changes].sort() }]),
    );
    expect(ids.map((id) => seen.get(id))).toEqual(this.model.tasks.map(expected));
  }

  /** Lets every task end as it would by itself: heartbeats go on and timers fire. */
  async finish(): Promise<void> {
    for (let round = 0; this.model.tasks.some(isOpen); round += 1) {
      if (round > 40) throw new Error('Tasks do not end');
      for (let who = 0; who < this.model.agents.length; who += 1) await this.#heartbeat(who);
      await this.wait(3_600);
      for (const task of this.model.tasks) {
        await this.#onTask('hand_over_timer', task);
        await this.#onTask('timeout_timer', task);
      }
    }
  }

  async #create(who: number, n: number): Promise<void> {
    const agent = at(this.model.agents, who);
    if (agent.gone !== undefined) {
      const kind = agent.gone === 'deleted' ? 'no_agent' : 'agent_revoked';
      await expect(this.fleet.task(agent.id)).rejects.toThrow(kind);
      return;
    }
    for (let made = 0; made <= n % 6; made += 1) {
      const limits = { max_retries: n % 3, timeout_seconds: 60 + n };
      const id = await this.fleet.task(agent.id, limits);
      const index = this.model.agents.indexOf(agent);
      this.model.create(id, index, limits.max_retries, limits.timeout_seconds);
    }
  }

  async #heartbeat(who: number): Promise<void> {
    const agent = at(this.model.agents, who);
    const answer = await this.fleet.heartbeat(agent.id);
    const expectedIds = this.model.heartbeat(agent);
    if (expectedIds === undefined) {
      expect(answer.kind).toBe(agent.gone === 'deleted' ? 'unknown' : 'revoked');
      return;
    }
    expect(answer).toMatchObject({ kind: 'accepted', status: 'ONLINE' });
    expect(answer.kind === 'accepted' && answer.tasks.map((task) => task.id)).toEqual(expectedIds);
  }

  async #relay(reached: boolean): Promise<void> {
    const { outbox, tasks } = this.fleet.database.stores;
    const leased = await outbox.lease(1_000);
    expect(await outbox.lease(1_000)).toEqual([]);
    if (reached) {
      const snapshots = await tasks.snapshots(leased.map((entry) => entry.taskId));
      const versions = new Map(snapshots.map((snapshot) => [snapshot.task_id, snapshot.version]));
      await outbox.settle(
        leased.map((entry) => ({ ...entry, version: versions.get(entry.taskId) ?? entry.version })),
      );
    } else await outbox.release(leased, 1_000);
    expect(leased).toHaveLength(this.model.relay(reached));
  }

  async #onTask(what: Step['what'], task: ModelTask): Promise<void> {
    const { tasks } = this.fleet.database.stores;
    const owner = at(this.model.agents, task.agent);
    switch (what) {
      case 'cancel':
        expect((await tasks.cancel(task.id, OPERATOR)).kind).toBe(this.model.cancel(task));
        return;
      case 'hand_over_timer':
        await tasks.requeueLostHandover(task.id);
        return this.model.handOverTimer(task);
      case 'timeout_timer':
        await tasks.timeOut(task.id);
        return this.model.timeoutTimer(task);
      case 'wrong_agent': {
        const other = at(this.model.agents, task.agent + 1);
        const answer = await tasks.takeWord(task.id, other.id, WORDS.start, 'test');
        expect(answer.kind).toBe(this.model.word(task, 'start', other));
        return;
      }
      case 'start':
      case 'progress':
      case 'complete':
      case 'fail': {
        const answer = await tasks.takeWord(task.id, owner.id, WORDS[what], 'test');
        expect(answer.kind).toBe(this.model.word(task, what, owner));
      }
    }
  }
}

interface Seen {
  id: string;
  status: TaskStatus | null;
  version: number | null;
  retries: number | null;
  queued: boolean;
  told: number | null;
  changes: string[];
}

const COMPARED = `
  SELECT json_agg(json_build_object('id', k.id, 'status', t.status, 'version', t.version, 'retries', t.retry_count,
    'queued', EXISTS (SELECT 1 FROM offline_queue_item q WHERE q.task_id = k.id AND q.delivered_at IS NULL),
    'told', (SELECT o.version FROM agent_task_outbox o WHERE o.task_id = k.id),
    'changes', (SELECT array_agg(COALESCE(e.before ->> 'status', '') || '>' || (e.after ->> 'status')) FROM audit_event e
       WHERE e.object_type = 'agent_task' AND e.object_id = k.id::text AND e.kind = 'change'))) AS seen
  FROM unnest($1::uuid[]) AS k(id) LEFT JOIN agent_task t ON t.id = k.id`;

function expected(task: ModelTask): Seen {
  return {
    id: task.id,
    status: task.deleted ? null : task.status,
    version: task.deleted ? null : task.changes.length,
    retries: task.deleted ? null : task.retries,
    queued: !task.deleted && task.queued,
    told: task.outbox?.version ?? null,
    changes: [...task.changes].sort(),
  };
}

/** The item at a number of any size, so that shrinking keeps every step meaningful. */
function at<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length];
  if (item === undefined) throw new Error('There is nothing to choose from');
  return item;
}
