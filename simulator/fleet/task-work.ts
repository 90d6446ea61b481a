import type { HandedOverTask } from '../../contracts/agent-task/task.ts';
import { CORRELATION_ID_HEADER } from '../../contracts/http/common.ts';
import {
  attempt,
  backoffMs,
  type FleetContext,
  JSON_HEADERS,
  packageKey,
  type TaskHabits,
} from './context.ts';
import type { KnownTask, VirtualAgent, Word } from './virtual-agent.ts';

const LONGEST_PAUSE_MS = 300_000;

/**
 * Tasks as agents do them: taken once, started, worked on, and brought to an end. Words are kept in order and said one
 * at a time, each until the platform has taken or refused it.
 */
export class TaskWork {
  readonly #context: FleetContext;

  constructor(context: FleetContext) {
    this.#context = context;
  }

  take(agent: VirtualAgent, tasks: readonly HandedOverTask[]): void {
    for (const task of tasks) this.#takeOne(agent, task);
  }

  /** Says what waits, when nothing else is being said. */
  speak(agent: VirtualAgent): void {
    const word = agent.words?.[0];
    if (word === undefined || agent.speaking || !agent.reachable) return;
    agent.speaking = true;
    const { presence } = agent;
    const call = {
      method: 'POST',
      path: word.path,
      headers: [...JSON_HEADERS, CORRELATION_ID_HEADER, word.correlationId],
      body: word.body,
    } as const;
    attempt(this.#context, agent, word.endpoint, call, word.dueAt, (reply, ok) => {
      const refused =
        reply.kind === 'answered' && reply.status >= 400 && reply.status < 500 && reply.status !== 429;
      if (ok || refused) this.#settle(agent, word, ok);
      agent.speaking = false;
      if (ok || refused) {
        agent.wordAttempts = 0;
        this.speak(agent);
        return;
      }
      agent.wordAttempts += 1;
      const pauseMs = backoffMs(this.#context, agent, agent.wordAttempts, LONGEST_PAUSE_MS);
      this.#context.wheel.after(pauseMs, () => {
        if (agent.presence === presence) this.speak(agent);
      });
    });
  }

  #takeOne(agent: VirtualAgent, task: HandedOverTask): void {
    const { tally } = this.#context;
    agent.tasks ??= new Map();
    const known = agent.tasks.get(task.id);
    if (known !== undefined) {
      // Handed over again: its word did not arrive in time. It is never done again, only told again.
      tally.tasksReceivedAgain += 1;
      this.#keep(agent, known.start);
      if (known.outcome !== undefined) this.#keep(agent, known.outcome);
      return;
    }
    tally.tasksReceived += 1;
    agent.tasksSeen += 1;
    this.#begin(agent, task, agent.tasksSeen);
  }

  #begin(agent: VirtualAgent, task: HandedOverTask, turn: number): void {
    const { wheel, chance, habits } = this.#context;
    const workMs =
      (wishedWorkMs(task.payload) ?? habits.workMs) * chance.between(0.5, 1.5, 'task', agent.index, turn * 4);
    const fails = chance.fraction('task', agent.index, turn * 4 + 1) < failureShareOf(task, habits);
    const thinkMs = habits.thinkMs * chance.between(0.2, 1, 'task', agent.index, turn * 4 + 2);
    const start = wordOf(task, 'start', '{}');
    const known: KnownTask = { start, outcome: undefined, taken: 'nothing' };
    agent.tasks?.set(task.id, known);
    wheel.after(thinkMs, () => {
      this.#keep(agent, start);
      wheel.after(workMs, () => {
        // The platform decided otherwise meanwhile: there is nothing left to end.
        if (known.taken === 'refused') return;
        known.outcome = fails
          ? wordOf(task, 'fail', '{"error_message":"The simulated work failed with exit code 1"}')
          : wordOf(task, 'complete', '{"result":{"exit_code":0}}');
        this.#keep(agent, known.outcome);
      });
    });
  }

  #keep(agent: VirtualAgent, word: Word): void {
    if (agent.words?.includes(word) === true) return;
    if (!agent.reachable) this.#context.tally.kept += 1;
    word.dueAt = this.#context.wheel.now();
    agent.words ??= [];
    agent.words.push(word);
    this.speak(agent);
  }

  #settle(agent: VirtualAgent, word: Word, taken: boolean): void {
    agent.words = agent.words?.filter((waiting) => waiting !== word);
    if (agent.words?.length === 0) agent.words = undefined;
    const { tally } = this.#context;
    const known = agent.tasks?.get(word.taskId);
    if (!taken) tally.wordsRefused += 1;
    if (known === undefined) return;
    if (!taken) {
      // A refused start may be taken when the task is handed over again.
      if (word.endpoint !== 'start') known.taken = 'refused';
      return;
    }
    if (word.endpoint === 'start') {
      if (known.taken === 'nothing') known.taken = 'start';
    } else if (word.endpoint === 'complete' || word.endpoint === 'fail') {
      if (known.taken !== word.endpoint) {
        if (word.endpoint === 'complete') tally.tasksCompleted += 1;
        else tally.tasksFailed += 1;
      }
      known.taken = word.endpoint;
    }
  }
}

/** What waited is due from the moment at which it could be said. */
export function restartWords(agent: VirtualAgent, now: number): void {
  for (const word of agent.words ?? []) word.dueAt = now;
}

function wordOf(task: HandedOverTask, endpoint: 'start' | 'complete' | 'fail', body: string): Word {
  return {
    endpoint,
    path: `/api/v1/agents/tasks/${task.id}/${endpoint}`,
    body,
    correlationId: task.correlation_id,
    taskId: task.id,
    dueAt: 0,
  };
}

/** A task for a simulated fleet may say in its payload how its work goes. */
export interface TaskWishes {
  readonly simulated_work_ms?: number;
}

const wishedWorkMs = ({ simulated_work_ms: wished }: Record<string, unknown>): number | undefined =>
  typeof wished === 'number' ? wished : undefined;

/** How often a task fails: some packages are bad. */
function failureShareOf({ payload }: HandedOverTask, habits: TaskHabits): number {
  const { action = 'install', package_name, package_version } = payload;
  const bad =
    action === 'install'
      ? habits.packageFailures.get(packageKey(String(package_name), String(package_version)))
      : undefined;
  return bad ?? habits.failureShare;
}
