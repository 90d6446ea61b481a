import { setTimeout as delay } from 'node:timers/promises';
import type { TaskStatus } from '../../../contracts/agent-task/states.ts';
import type { StubbornAgent } from './agent.ts';
import { type Random, seededRandom } from './random.ts';

export interface Figures {
  ended: number;
  answersLost: number;
  givenAgain: number;
}

export interface Execution {
  times: number;
  readonly ending: TaskStatus;
}

const LOSES_ANSWER = 0.1;
const FAILS = 0.15;
const PAUSE_MS = 400;
/** The longest that the work on a task takes. */
const WORK_MS = 300;

/** Works off whatever it is given; now and then it loses the answer to a heartbeat, and the tasks in it. */
export class BusyAgent {
  readonly agent: StubbornAgent;
  readonly executions = new Map<string, Execution>();
  // A sequence of its own for each kind of choice: timing must not shift one into another.
  readonly #pauses: Random;
  readonly #losses: Random;
  readonly #endings: Random;
  readonly #figures: Figures;
  readonly #lost = new Set<string>();
  readonly #stopped = new AbortController();

  constructor(agent: StubbornAgent, seed: number, figures: Figures) {
    this.agent = agent;
    this.#pauses = seededRandom(seed * 3);
    this.#losses = seededRandom(seed * 3 + 1);
    this.#endings = seededRandom(seed * 3 + 2);
    this.#figures = figures;
  }

  /** Works until it is stopped. @throws when a word was refused */
  async run(): Promise<void> {
    const work: Promise<void>[] = [];
    while (!this.#stopped.signal.aborted) {
      await delay(PAUSE_MS * (0.5 + this.#pauses()));
      const given = await this.agent.heartbeat().catch((): string[] => []);
      if (given.length > 0 && this.#losses() < LOSES_ANSWER) {
        this.#figures.answersLost += 1;
        for (const task of given) this.#lost.add(task);
      } else {
        work.push(...given.map((task) => this.#take(task)));
      }
    }
    await Promise.all(work);
    await this.agent.close();
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #take(task: string): Promise<void> {
    if (this.#lost.delete(task) || this.executions.has(task)) this.#figures.givenAgain += 1;
    // Known already: the answer to the first word is still on its way.
    if (this.executions.has(task)) return;
    const fails = this.#endings() < FAILS;
    const execution: Execution = { times: 0, ending: fails ? 'FAILED' : 'COMPLETED' };
    this.executions.set(task, execution);
    await this.agent.say(task, 'start');
    execution.times += 1;
    await delay(this.#pauses() * WORK_MS);
    await this.agent.say(task, 'progress', fails ? 'fail' : 'complete');
    this.#figures.ended += 1;
  }
}
