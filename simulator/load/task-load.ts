import { z } from 'zod';
import type { Fleet } from '../fleet/fleet.ts';
import type { Recorder } from '../measure/recorder.ts';
import type { Operator } from '../platform/operator.ts';

export interface TaskLoadOptions {
  readonly fleet: Fleet;
  readonly operator: Operator;
  readonly recorder: Recorder;
  /** undefined: found out, by how heartbeats and outbox take it. */
  readonly tasksPerSecond: number | undefined;
  /** Changes that workflows have not heard of in time. */
  readonly overdue: () => Promise<number>;
  /** Between looks at how the platform takes the rate. */
  readonly lookEveryMs: number;
}

const FIRST_RATE = 2;
const MOST = 500;
const TICK_MS = 50;
/** Requests under way; a platform that cannot take more gets no more. */
const MOST_UNDER_WAY = 64;

const created = z.object({ id: z.string() });

/**
 * Creates tasks at a steady rate, each for an agent that the seed chooses, whether it can be reached or not. Without a
 * rate of its own it finds the one that the machine takes.
 */
export class TaskLoad {
  readonly #options: TaskLoadOptions;
  /** Ids of the tasks that the platform confirmed. */
  readonly created: string[] = [];
  rate: number;
  failures = 0;
  #turn = 0;
  #owed = 0;
  #underWay = 0;
  #timers: NodeJS.Timeout[] = [];
  #idle: (() => void) | undefined;

  constructor(options: TaskLoadOptions) {
    this.#options = options;
    this.rate = options.tasksPerSecond ?? FIRST_RATE;
  }

  start(): void {
    let last = performance.now();
    this.#timers.push(
      setInterval(() => {
        const now = performance.now();
        this.#owed = Math.min(this.rate, this.#owed + (this.rate * (now - last)) / 1_000);
        last = now;
        for (; this.#owed >= 1 && this.#underWay < MOST_UNDER_WAY; this.#owed -= 1) void this.#createOne();
      }, TICK_MS),
    );
    if (this.#options.tasksPerSecond === undefined)
      this.#timers.push(setInterval(() => void this.#adapt(), this.#options.lookEveryMs));
  }

  /** Creates no more, and waits for the answers that are on their way. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    if (this.#underWay > 0)
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
  }

  async #createOne(): Promise<void> {
    const { fleet, operator, recorder } = this.#options;
    this.#turn += 1;
    this.#underWay += 1;
    const target = fleet.agents[fleet.context.chance.bits('target', this.#turn) % fleet.agents.length];
    const begun = performance.now();
    try {
      const answer = await operator.call('POST', '/tasks', {
        agent_id: target?.id,
        task_type: 'REMEDIATE',
        payload: { script: 'exit 0' },
      });
      this.created.push(created.parse(answer).id);
      recorder.succeeded('create task', performance.now() - begun, '201');
    } catch (error) {
      this.failures += 1;
      recorder.failed('create task', error instanceof Error ? error.name : 'unknown');
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#idle?.();
    }
  }

  async #adapt(): Promise<void> {
    const overdue = await this.#options.overdue().catch(() => Number.POSITIVE_INFINITY);
    this.rate = nextRate(this.rate, this.#options.recorder.recentP99('heartbeat'), overdue);
  }
}

/** Heartbeats at or below it leave room for more tasks; in milliseconds. */
const EASY_MS = 150;
/** Above it check-ins suffer. */
const HARD_MS = 400;

/** More by and by while nobody suffers, less at once when somebody does. */
export function nextRate(rate: number, heartbeatP99Ms: number, overdue: number): number {
  if (heartbeatP99Ms > HARD_MS || overdue > 20 + 3 * rate) return Math.max(0.5, rate * 0.6);
  if (heartbeatP99Ms <= EASY_MS && overdue <= 5 + rate) return Math.min(MOST, rate * 1.15 + 0.5);
  return rate;
}
