import { setTimeout as delay } from 'node:timers/promises';
import { Agent } from 'undici';
import type { AgentTaskWord } from '../../../contracts/agent-task/states.ts';
import { type Answer, call } from '../../harness/agent-client.ts';
import { insist } from './insist.ts';

export interface Identity {
  readonly id: string;
  readonly certificate: string;
  readonly keyPem: string;
}

const BODIES: Readonly<Record<AgentTaskWord, object>> = {
  start: {},
  progress: { percent: 50, message: 'half way' },
  complete: { result: { done: true } },
  fail: { error_message: 'it did not work' },
};

/** An agent as the specification wants it: it says a word until it is answered, and takes a task up once. */
export class StubbornAgent {
  readonly id: string;
  readonly #url: string;
  readonly #dispatcher: Agent;

  constructor(url: string, identity: Identity, caPem: string) {
    this.id = identity.id;
    this.#url = url;
    this.#dispatcher = new Agent({
      connect: { ca: caPem, cert: identity.certificate, key: identity.keyPem },
    });
  }

  /** One heartbeat, not repeated. @returns the ids of the tasks handed over with it; throws what goes wrong */
  async heartbeat(): Promise<string[]> {
    const answer = await this.#post(`/api/v1/agents/${this.id}/heartbeat`, {});
    if (answer.status !== 200) throw new Error(`heartbeat: ${answer.status} ${JSON.stringify(answer.body)}`);
    return (answer.body['pending_tasks'] as readonly { id: string }[]).map((task) => task.id);
  }

  /** Heartbeats until the task is handed over; what else comes is left lying, as by an agent that lost it. */
  async untilGiven(taskId: string): Promise<void> {
    for (const until = performance.now() + 120_000; performance.now() < until; ) {
      const tasks = await this.heartbeat().catch((): string[] => []);
      if (tasks.includes(taskId)) return;
      await delay(200);
    }
    throw new Error(`task ${taskId} was never handed over`);
  }

  /** Says the words one after the other, each until it is answered. @throws when one is refused */
  async say(taskId: string, ...words: AgentTaskWord[]): Promise<void> {
    for (const word of words) {
      const answer = await this.ask(taskId, word);
      if (answer.status !== 200) {
        throw new Error(`${word} of ${taskId}: ${answer.status} ${JSON.stringify(answer.body)}`);
      }
    }
  }

  ask(taskId: string, word: AgentTaskWord, body: object = BODIES[word]): Promise<Answer> {
    return insist(() => this.#post(`/api/v1/agents/tasks/${taskId}/${word}`, body));
  }

  close(): Promise<void> {
    return this.#dispatcher.destroy();
  }

  #post(path: string, body: object): Promise<Answer> {
    return call(this.#url + path, { body, dispatcher: this.#dispatcher });
  }
}
