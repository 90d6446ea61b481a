import type { Dispatcher } from 'undici';
import { makeKey } from '../../agent/identity/keys.ts';
import { PlatformClient } from '../../agent/protocol/client.ts';
import { createTransport } from '../../agent/protocol/transport.ts';
import { type DeployPayload, deployPayload } from '../../contracts/agent-task/payload.ts';
import type { HandedOverTask } from '../../contracts/agent-task/task.ts';

export interface LightAgentOptions {
  /** The agents' listener. */
  readonly server: string;
  readonly caPem: string;
  readonly registrationKey: string;
  readonly hostname: string;
  readonly hardwareId: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Whether the machine is worse off with this package on it. */
  readonly suffersFrom: (installed: DeployPayload) => boolean;
}

/**
 * A machine of the demo that exists in words only: it enrols with a key of its own, beats over mutual TLS and says
 * that it did what its tasks ask for. With a package that it suffers from it says that it is DEGRADED.
 */
export class LightAgent {
  readonly id: string;
  readonly #options: LightAgentOptions;
  readonly #client: PlatformClient;
  readonly #transport: Dispatcher;
  readonly #ended = new AbortController();
  #installed: DeployPayload | undefined;
  #life: Promise<void> = Promise.resolve();

  private constructor(options: LightAgentOptions, id: string, transport: Dispatcher) {
    this.#options = options;
    this.id = id;
    this.#transport = transport;
    this.#client = new PlatformClient({ server: options.server, dispatcher: transport });
  }

  /** Enrols and begins to beat. */
  static async start(options: LightAgentOptions): Promise<LightAgent> {
    const { server, caPem, registrationKey, hostname, hardwareId, tags } = options;
    const { privateKey, csr } = await makeKey(hostname);
    const anonymous = createTransport({ ca: caPem, connections: 1 });
    const { agent_id, certificate } = await new PlatformClient({ server, dispatcher: anonymous }).register({
      registration_key: registrationKey,
      csr,
      hostname,
      platform: 'linux',
      platform_version: '12',
      agent_version: '1.0.0',
      hardware_id: hardwareId,
      tags,
    });
    await anonymous.close();
    const transport = createTransport({ ca: caPem, certificate, privateKey, connections: 1 });
    const agent = new LightAgent(options, agent_id, transport);
    agent.#life = agent.#live();
    return agent;
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#life;
    await this.#transport.close();
  }

  async #live(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      // What fails is tried again with the next beat: its tasks are handed over until they have ended.
      const seconds = await this.#beat().catch(() => 1);
      if (seconds > 0) await pause(seconds * 1_000, signal);
    }
  }

  /** @returns seconds until the next one */
  async #beat(): Promise<number> {
    const { signal } = this.#ended;
    const sick = this.#installed !== undefined && this.#options.suffersFrom(this.#installed);
    const { pending_tasks, next_heartbeat_seconds } = await this.#client.heartbeat(
      this.id,
      {
        agent_version: '1.0.0',
        status: sick ? 'DEGRADED' : 'ONLINE',
        last_error: sick ? `${this.#installed?.package_name} restarts every few seconds` : null,
      },
      { signal },
    );
    for (const task of pending_tasks) await this.#work(task);
    // How it is now is told at once.
    return pending_tasks.length > 0 ? 0 : next_heartbeat_seconds;
  }

  async #work({ id, payload, correlation_id: correlationId }: HandedOverTask): Promise<void> {
    const deploy = deployPayload.safeParse(payload);
    await this.#client.say(id, 'start', {}, { correlationId });
    if (!deploy.success) {
      await this.#client.say(
        id,
        'fail',
        { error_message: 'Only packages are known here' },
        { correlationId },
      );
      return;
    }
    this.#installed = deploy.data.action === 'uninstall' ? undefined : deploy.data;
    await this.#client.say(id, 'complete', { result: { simulated: true } }, { correlationId });
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}
