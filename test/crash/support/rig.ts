import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { Agent } from 'undici';
import type { Endpoints } from '../../../cli/platform/endpoints.ts';
import type { ProcessName } from '../../../cli/platform/run-records.ts';
import { type RunningPlatform, startPlatform } from '../../../cli/platform/start.ts';
import { type Answer, call, machine, newKeyAndRequest } from '../../harness/agent-client.ts';
import { type Identity, StubbornAgent } from './agent.ts';
import { insist } from './insist.ts';

export const RANDOM_PORTS = {
  operator: 0,
  agent: 0,
  postgres: 0,
  temporal: 0,
  temporalUi: 0,
  workerHealth: 0,
  packagingHealth: 0,
  aiHealth: 0,
} as const;

/** Limits that only people and real fleets need. */
export const UNLIMITED = {
  EUCORA_REQUESTS_PER_MINUTE: '1000000',
  EUCORA_ENROLMENTS_PER_MINUTE: '1000000',
  EUCORA_LOG_LEVEL: 'warn',
};

export interface TaskRequest {
  readonly agent_id: string;
  readonly timeout_seconds?: number;
  readonly max_retries?: number;
}

/** How the tests reach a running platform, however often its processes change. */
export class Reach {
  readonly endpoints: Endpoints;
  readonly database: pg.Pool;
  readonly temporal: Client;
  readonly caPem: string;
  readonly #token: string;

  constructor(endpoints: Endpoints, databaseUrl: string) {
    this.endpoints = endpoints;
    this.caPem = readFileSync(endpoints.ca_certificate, 'utf8');
    this.#token = readFileSync(endpoints.admin_token_file, 'utf8').trim();
    this.database = new pg.Pool({ connectionString: databaseUrl, max: 4, application_name: 'eucora-crash' });
    this.database.on('error', () => undefined);
    this.temporal = new Client({ connection: Connection.lazy({ address: endpoints.temporal_address }) });
  }

  async close(): Promise<void> {
    await this.database.end();
    await this.temporal.connection.close();
  }

  /** An operator's request, repeated until it is answered. */
  operator(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    return insist(() =>
      call(this.endpoints.operator_api + path, {
        method,
        headers: { authorization: `Bearer ${this.#token}`, ...headers },
        ...(body === undefined ? {} : { body }),
      }),
    );
  }

  /** Creates a task exactly once, however often the request has to be repeated. @returns its id */
  async createTask(request: TaskRequest): Promise<string> {
    const body = { task_type: 'COLLECT', ...request };
    return idOf(await this.operator('POST', '/api/v1/tasks', body, { 'idempotency-key': randomUUID() }));
  }

  async cancel(taskId: string): Promise<void> {
    accepted(await this.operator('POST', `/api/v1/tasks/${taskId}/cancel`));
  }

  /** New agents, by real enrolment. */
  async enrol(count: number): Promise<Identity[]> {
    const token = accepted(
      await this.operator('POST', '/api/v1/enrolment-tokens', { name: 'crash', max_uses: null }),
    );
    const anonymous = new Agent({ connect: { ca: this.caPem } });
    const identities: Identity[] = [];
    const one = async (): Promise<void> => {
      const { keyPem, csr } = await newKeyAndRequest();
      const answer = accepted(
        await call(`${this.endpoints.agent_api}/api/v1/agents/register`, {
          body: { registration_key: token['token'], csr, ...machine() },
          dispatcher: anonymous,
        }),
      );
      identities.push({
        id: String(answer['agent_id']),
        certificate: String(answer['certificate']),
        keyPem,
      });
    };
    while (identities.length < count) {
      await Promise.all(Array.from({ length: Math.min(10, count - identities.length) }, one));
    }
    await anonymous.close();
    return identities;
  }

  agent(identity: Identity): StubbornAgent {
    return new StubbornAgent(this.endpoints.agent_api, identity, this.caPem);
  }
}

/** A platform of real processes with a data folder of its own. */
export class Rig extends Reach {
  readonly platform: RunningPlatform;
  readonly dataDir: string;

  private constructor(platform: RunningPlatform, dataDir: string) {
    super(platform.endpoints, platform.databaseUrl);
    this.platform = platform;
    this.dataDir = dataDir;
  }

  static async start(env: Record<string, string>, dataDir?: string): Promise<Rig> {
    const folder = dataDir ?? (await scratchFolder());
    const platform = await startPlatform({
      dataDir: folder,
      ports: RANDOM_PORTS,
      env: { ...UNLIMITED, ...env },
    });
    return new Rig(platform, folder);
  }

  /** SIGKILL from outside, as by the kernel; the supervisor notices by itself. @returns when it runs again */
  async strike(name: ProcessName, downMs?: number): Promise<void> {
    const victim = this.platform.pid(name);
    if (victim === undefined) throw new Error(`${name} does not run`);
    if (downMs === undefined) {
      process.kill(victim, 'SIGKILL');
      while ([undefined, victim].includes(this.platform.pid(name))) await delay(50);
      return;
    }
    await this.platform.kill(name);
    await delay(downMs);
    await this.platform.restart(name);
  }

  async dispose(): Promise<void> {
    await this.close();
    await this.platform.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

export function scratchFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), `eucora-crash-${randomBytes(2).toString('hex')}-`));
}

export function accepted(answer: Answer): Answer['body'] {
  if (answer.status >= 300) throw new Error(`refused: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

function idOf(answer: Answer): string {
  return String(accepted(answer)['id']);
}
