import { z } from 'zod';
import type { Fleet } from '../fleet/fleet.ts';
import { MachineLoad } from '../measure/machine-load.ts';
import type { Recorder } from '../measure/recorder.ts';
import type { Operator } from '../platform/operator.ts';
import { Flow } from './flow.ts';
import { FIRST_PACE, nextPace, type Pace } from './pace.ts';

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

const TICK_MS = 50;
/** Requests under way; a platform that cannot take more gets no more. */
const MOST_UNDER_WAY = 64;
/** Looks over which tasks that begin are counted. */
const SPAN = 3;

const created = z.object({ id: z.string() });

/**
 * Creates tasks at a steady rate, each for an agent that the seed chooses, whether it can be reached or not. Without a
 * rate of its own it finds the one that the machine takes.
 */
export class TaskLoad {
  readonly #options: TaskLoadOptions;
  /** Ids of the tasks that the platform confirmed. */
  readonly created: string[] = [];
  failures = 0;
  readonly #begun = new Flow(SPAN);
  readonly #machine = new MachineLoad();
  #pace: Pace;
  #turn = 0;
  #owed = 0;
  #underWay = 0;
  #timers: NodeJS.Timeout[] = [];
  #idle: (() => void) | undefined;

  constructor(options: TaskLoadOptions) {
    this.#options = options;
    const { tasksPerSecond } = options;
    this.#pace = tasksPerSecond === undefined ? FIRST_PACE : { ...FIRST_PACE, rate: tasksPerSecond };
  }

  /** Tasks a second, as it is now. */
  get rate(): number {
    return this.#pace.rate;
  }

  start(): void {
    let last = performance.now();
    this.#timers.push(
      setInterval(() => {
        const now = performance.now();
        this.#owed = Math.min(Math.max(1, this.rate), this.#owed + (this.rate * (now - last)) / 1_000);
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
    const { recorder } = this.#options;
    const overdue = await this.#options.overdue().catch(() => Number.POSITIVE_INFINITY);
    this.#pace = nextPace(this.#pace, {
      overdue,
      heartbeatP99Ms: recorder.recentP99('heartbeat'),
      begun: this.#begun.look(recorder.answered('start'), performance.now()),
      busy: this.#machine.look(),
    });
  }
}
