import { setTimeout as delay } from 'node:timers/promises';
import type { AgentTaskWord } from '../../../contracts/agent-task/states.ts';
import { agentTaskWorkflowId } from '../../../contracts/temporal.ts';
import type { StubbornAgent } from './agent.ts';
import { eventually } from './insist.ts';
import type { Rig, TaskRequest } from './rig.ts';

/** Moments around the kill at which the tasks of a lane act, in milliseconds from it. */
const SPREAD_MS = [-45, -25, -10, 0, 30, 100] as const;

/** One agent and its tasks, all at the same point of their life when a process dies. */
export class Lane {
  readonly rig: Rig;
  readonly agent: StubbornAgent;
  tasks: readonly string[] = [];
  /** When the process dies, by `performance.now()`. */
  killAt = Number.POSITIVE_INFINITY;

  constructor(rig: Rig, agent: StubbornAgent) {
    this.rig = rig;
    this.agent = agent;
  }

  async create(settings: Partial<TaskRequest> = {}): Promise<void> {
    this.tasks = await Promise.all(SPREAD_MS.map(() => this.#createOne(settings)));
  }

  /** Sends the requests that create tasks around the kill. */
  async createAroundKill(): Promise<void> {
    this.tasks = await Promise.all(
      SPREAD_MS.map(async (offset) => {
        await this.#reach(offset);
        return this.#createOne({});
      }),
    );
  }

  async untilWorkflowsRun(): Promise<void> {
    await this.each((task) =>
      eventually(`the workflow of ${task} runs`, 90_000, () =>
        this.rig.temporal.workflow.getHandle(agentTaskWorkflowId(task)).describe(),
      ),
    );
  }

  /** One heartbeat hands over all tasks of the lane. */
  async take(): Promise<void> {
    await this.agent.untilGiven(this.tasks[0] ?? '');
  }

  async say(...words: AgentTaskWord[]): Promise<void> {
    await this.each((task) => this.agent.say(task, ...words));
  }

  async each(work: (task: string) => Promise<unknown>): Promise<void> {
    await Promise.all(this.tasks.map(work));
  }

  /** For each task at a moment of its own, around `leadMs` before the kill. */
  async eachAroundKill(work: (task: string) => Promise<unknown>, leadMs = 0): Promise<void> {
    await Promise.all(
      this.tasks.map(async (task, index) => {
        await this.#reach((SPREAD_MS[index] ?? 0) - leadMs);
        await work(task);
      }),
    );
  }

  /** Once, shortly before the kill or `leadMs` earlier. */
  async beforeKill(work: () => Promise<unknown>, leadMs = 0): Promise<void> {
    await this.#reach(-20 - leadMs);
    await work();
  }

  /** Takes no tasks, but keeps the agent from going offline before the lane's other timers fire. */
  async stayOnline(forMs: number): Promise<void> {
    for (const until = performance.now() + forMs; performance.now() < until; await delay(1_000)) {
      await this.agent.heartbeat().catch((): string[] => []);
    }
  }

  /** Takes the tasks and brings each to its end, as an agent does all day. */
  async workOff(): Promise<void> {
    const open = new Set(this.tasks);
    const work: Promise<void>[] = [];
    for (const until = performance.now() + 90_000; open.size > 0; await delay(150)) {
      if (performance.now() > until) throw new Error(`never handed over: ${[...open].join(', ')}`);
      const given = await this.agent.heartbeat().catch((): string[] => []);
      const mine = given.filter((task) => open.delete(task));
      work.push(...mine.map((task) => this.agent.say(task, 'start', 'progress', 'complete')));
    }
    await Promise.all(work);
  }

  #createOne(settings: Partial<TaskRequest>): Promise<string> {
    return this.rig.createTask({ agent_id: this.agent.id, max_retries: 50, ...settings });
  }

  async #reach(offsetMs: number): Promise<void> {
    await delay(Math.max(0, this.killAt + offsetMs - performance.now()));
  }
}
