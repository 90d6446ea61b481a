import { Agent } from 'undici';
import type { Scope } from '../../../contracts/access/access.ts';
import { machine, newKeyAndRequest, TestAgent } from '../../harness/agent-client.ts';
import { startTestApi, type TestApi, type TestApiOptions } from '../../harness/api.ts';
import { Contract, type Said, type Saying } from './contract.ts';

/** Settings under which limits do not get in the way of a test. */
export const UNLIMITED = {
  EUCORA_AUTH_FAILURES_PER_MINUTE: '100000',
  EUCORA_ENROLMENTS_PER_MINUTE: '100000',
  EUCORA_REQUESTS_PER_MINUTE: '100000',
};

/** A real API with callers whose every answer is held against the document. */
export class World {
  readonly api: TestApi;
  readonly contract: Contract;
  readonly #tokens = new Map<string, Promise<string>>();
  readonly #agents: TestAgent[] = [];
  /** Trusts the platform's CA and shows no certificate. */
  readonly anonymous: Agent;

  private constructor(api: TestApi, contract: Contract) {
    this.api = api;
    this.contract = contract;
    this.anonymous = new Agent({ connect: { ca: api.caPem } });
  }

  static async start(options: TestApiOptions = {}): Promise<World> {
    const api = await startTestApi({ ...options, overrides: { ...UNLIMITED, ...options.overrides } });
    return new World(api, await Contract.of(api));
  }

  token(...scopes: Scope[]): Promise<string> {
    const key = scopes.join();
    const known = this.#tokens.get(key) ?? this.api.token(...scopes);
    this.#tokens.set(key, known);
    return known;
  }

  /** As an operator with these scopes, admin unless told otherwise. */
  async operator(path: string, saying: Saying & { scope?: Scope } = {}): Promise<Said> {
    const authorization = `Bearer ${await this.token(saying.scope ?? 'admin')}`;
    return this.contract.call(this.api.operatorUrl + path, {
      ...saying,
      headers: { authorization, ...saying.headers },
    });
  }

  /** As an agent, or as somebody without a certificate. */
  agentSays(path: string, saying: Saying & { agent?: TestAgent | undefined } = {}): Promise<Said> {
    const dispatcher = saying.dispatcher ?? saying.agent?.dispatcher ?? this.anonymous;
    return this.contract.call(this.api.agentUrl + path, { ...saying, dispatcher });
  }

  async enrol(overrides: Record<string, unknown> = {}): Promise<TestAgent> {
    const agent = await TestAgent.enrol(this.api, overrides);
    this.#agents.push(agent);
    return agent;
  }

  /** A registration key. */
  async key(settings: Record<string, unknown> = {}): Promise<{ id: string; token: string }> {
    const { body } = await this.operator('/api/v1/enrolment-tokens', { body: { name: 'key', ...settings } });
    return { id: String(body['id']), token: String(body['token']) };
  }

  /** Registers once more, with a new key pair unless `csr` is given. */
  async register(overrides: Record<string, unknown>, dispatcher: Agent = this.anonymous): Promise<Said> {
    const { csr } = await newKeyAndRequest();
    return this.agentSays('/api/v1/agents/register', {
      body: { csr, ...machine(), ...overrides },
      dispatcher,
    });
  }

  async task(agentId: string, fields: Record<string, unknown> = {}): Promise<string> {
    const { status, body, text } = await this.operator('/api/v1/tasks', {
      body: { agent_id: agentId, task_type: 'COLLECT', ...fields },
    });
    if (status !== 201) throw new Error(text);
    return String(body['id']);
  }

  /** A task that its agent has begun. */
  async startedTask(agent: TestAgent): Promise<string> {
    await agent.heartbeat();
    const id = await this.task(agent.id);
    await agent.heartbeat();
    await agent.say(id, 'start');
    return id;
  }

  /** Audit events of an action, newest first. */
  async audit(query: Record<string, string>): Promise<Record<string, unknown>[]> {
    const { body } = await this.operator(`/api/v1/audit-events?${new URLSearchParams(query)}`);
    return body['items'] as Record<string, unknown>[];
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.dispatcher.destroy()));
    await this.anonymous.destroy();
    await this.api.dispose();
  }
}

export const items = (said: Said): Record<string, unknown>[] =>
  said.body['items'] as Record<string, unknown>[];
