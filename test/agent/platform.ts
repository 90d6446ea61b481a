import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { z } from 'zod';
import { hasCode } from '../../agent/storage/files.ts';
import { registerRequestSchema, renewRequestSchema } from '../../contracts/agent/enrolment.ts';
import { type HeartbeatRequest, heartbeatRequestSchema } from '../../contracts/agent/heartbeat.ts';
import {
  type AgentTaskWord,
  isRepetition,
  TASK_TRANSITIONS,
  type TaskStatus,
  type TaskType,
} from '../../contracts/agent-task/states.ts';
import {
  completeRequestSchema,
  failRequestSchema,
  progressRequestSchema,
} from '../../contracts/agent-task/task.ts';
import { ERRORS, type ErrorCode } from '../../contracts/http/errors.ts';
import {
  type DeploymentReport,
  deploymentReportSchema,
  type TelemetrySample,
  telemetryRequestSchema,
} from '../../contracts/telemetry/telemetry.ts';
import { lastingPort } from '../harness/ports.ts';
import { TestAuthority } from './authority.ts';

export interface TestTask {
  readonly id: string;
  agentId: string;
  readonly type: TaskType;
  readonly payload: Record<string, unknown>;
  readonly timeoutSeconds: number;
  readonly correlationId: string;
  status: TaskStatus;
  result?: Record<string, unknown> | null | undefined;
  error?: string;
  readonly words: AgentTaskWord[];
  readonly progress: (string | null | undefined)[];
}

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly agentId: string | undefined;
  readonly body: unknown;
  readonly correlationId: string | undefined;
  readonly range: string | undefined;
}

/** Answers in place of the platform; false leaves the request to it. */
export type Interceptor = (seen: Seen, response: ServerResponse) => boolean | Promise<boolean>;

class Refusal extends Error {
  readonly code: ErrorCode;
  readonly extra: object;

  constructor(code: ErrorCode, extra: object = {}) {
    super(code);
    this.code = code;
    this.extra = extra;
  }
}

const WORD = /^\/api\/v1\/agents\/tasks\/([0-9a-f-]{36})\/(start|progress|complete|fail)$/;
const OWN = /^\/api\/v1\/agents\/([0-9a-f-]{36})\/([a-z-]+(?:\/renew)?)$/;

/** Imitates the platform by the contracts: real HTTPS, real client certificates, strict about every body. */
export class TestPlatform {
  readonly authority: TestAuthority;
  readonly seen: Seen[] = [];
  /** Bodies that did not fit the contract; a test that leaves any has found a fault of the agent. */
  readonly violations: string[] = [];
  readonly tasks = new Map<string, TestTask>();
  readonly agents = new Map<string, { hardwareId: string; clonedFrom: string | undefined }>();
  readonly revoked = new Set<string>();
  readonly cloned = new Set<string>();
  readonly telemetry: TelemetrySample[] = [];
  readonly reports: DeploymentReport[] = [];
  readonly heartbeats: HeartbeatRequest[] = [];
  readonly artifacts = new Map<string, Buffer>();
  readonly keys = new Set(['good-key']);
  validity = { fromMs: -60_000, toMs: 86_400_000 };
  intervals = { heartbeat: 1, telemetry: 60 };
  limits = { max_pending_tasks: 10, max_telemetry_batch: 500, max_body_bytes: 4_194_304 };
  intercept: Interceptor = () => false;
  #server: Server;
  #port = 0;

  private constructor(authority: TestAuthority) {
    this.authority = authority;
    this.#server = this.#create();
  }

  static async start(authority?: TestAuthority): Promise<TestPlatform> {
    const platform = new TestPlatform(authority ?? (await TestAuthority.create()));
    await platform.up();
    return platform;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** On the port that it had before; the first time on any that nobody else has. */
  async up(): Promise<void> {
    for (;;) {
      this.#server = this.#create();
      const port = this.#port === 0 ? lastingPort() : this.#port;
      try {
        await new Promise<void>((resolve, reject) => {
          this.#server.once('error', reject).listen(port, '127.0.0.1', resolve);
        });
        this.#port = port;
        return;
      } catch (error) {
        if (this.#port !== 0 || !hasCode(error, 'EADDRINUSE')) throw error;
      }
    }
  }

  async down(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** Queues a task for an agent; left out, for the only one there is. */
  addTask(
    type: TaskType,
    payload: Record<string, unknown>,
    more: { agentId?: string; timeoutSeconds?: number; id?: string } = {},
  ): TestTask {
    const task: TestTask = {
      id: more.id ?? randomUUID(),
      agentId: more.agentId ?? [...this.agents.keys()][0] ?? '',
      type,
      payload,
      timeoutSeconds: more.timeoutSeconds ?? 3_600,
      correlationId: `test-${this.tasks.size + 1}`,
      status: 'PENDING',
      words: [],
      progress: [],
    };
    this.tasks.set(task.id, task);
    return task;
  }

  #create(): Server {
    const { cert, key } = this.authority.server;
    const options = { cert, key, ca: this.authority.pem, requestCert: true, rejectUnauthorized: false };
    return createServer(options, (request, response) => void this.#serve(request, response));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    try {
      for await (const part of request) parts.push(part as Buffer);
    } catch {
      return;
    }
    const text = Buffer.concat(parts).toString('utf8');
    const url = new URL(request.url ?? '/', this.url);
    const socket = request.socket as TLSSocket;
    const certificate = socket.getPeerCertificate();
    const seen: Seen = {
      method: request.method ?? '',
      path: url.pathname,
      agentId: socket.authorized ? (certificate.subject?.OU as string | undefined) : undefined,
      body: text === '' ? undefined : JSON.parse(text),
      correlationId: request.headers['x-correlation-id'] as string | undefined,
      range: request.headers.range,
    };
    this.seen.push(seen);
    try {
      if (await this.intercept(seen, response)) return;
      const { status, body } = await this.#answer(seen, response);
      if (body === undefined) return;
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    } catch (error) {
      refuse(
        response,
        error instanceof Refusal ? error.code : 'internal-error',
        error instanceof Refusal ? error.extra : {},
      );
    }
  }

  async #answer(seen: Seen, response: ServerResponse): Promise<{ status: number; body: unknown }> {
    if (seen.path === '/api/v1/agents/register') return { status: 201, body: await this.#register(seen) };
    const { agentId } = seen;
    if (agentId === undefined) throw new Refusal('certificate-required');
    if (this.revoked.has(agentId)) throw new Refusal('agent-revoked');
    if (seen.path.startsWith('/api/v1/artifacts/')) {
      this.#artifact(seen, response);
      return { status: 200, body: undefined };
    }
    const word = WORD.exec(seen.path);
    if (word !== null)
      return { status: 200, body: this.#word(agentId, word[1] ?? '', word[2] as AgentTaskWord, seen) };
    const own = OWN.exec(seen.path);
    if (own === null) throw new Refusal('not-found');
    if (own[1] !== agentId) throw new Refusal('wrong-agent');
    return { status: 200, body: await this.#own(agentId, own[2] ?? '', seen) };
  }

  async #register(seen: Seen): Promise<unknown> {
    const body = this.#check(registerRequestSchema, seen);
    const owner = seen.agentId;
    if (owner === undefined && !this.keys.has(body.registration_key))
      throw new Refusal('enrolment-token-invalid');
    const hardwareId = body.hardware_id ?? '';
    const known = [...this.agents].find(([, agent]) => agent.hardwareId === hardwareId)?.[0];
    const id = known ?? randomUUID();
    this.agents.set(id, { hardwareId, clonedFrom: owner });
    return { ...(await this.#certify(body.csr, id)), agent_id: id, configuration: this.#configuration() };
  }

  #configuration() {
    return {
      heartbeat_interval_seconds: this.intervals.heartbeat,
      telemetry_interval_seconds: this.intervals.telemetry,
      offline_after_seconds: 300,
      limits: this.limits,
    };
  }

  async #certify(csr: string, agentId: string) {
    const { pem, notAfter } = await this.authority.issue(csr, agentId, this.validity);
    return { certificate: pem, ca_chain: this.authority.pem, not_after: notAfter.toISOString() };
  }

  async #own(agentId: string, what: string, seen: Seen): Promise<unknown> {
    switch (what) {
      case 'heartbeat': {
        const body = this.#check(heartbeatRequestSchema, seen);
        if (this.cloned.has(agentId)) throw new Refusal('agent-cloned');
        this.heartbeats.push(body);
        return {
          status: body.status ?? 'ONLINE',
          pending_tasks: this.#handOver(agentId),
          next_heartbeat_seconds: this.intervals.heartbeat,
        };
      }
      case 'tasks':
        return { items: [], next_cursor: null };
      case 'telemetry': {
        const body = this.#check(telemetryRequestSchema, seen);
        const samples = 'samples' in body ? body.samples : [body];
        this.telemetry.push(...samples);
        return { accepted: samples.length, duplicates: 0, rejected: [] };
      }
      case 'deployment-status':
        this.reports.push(this.#check(deploymentReportSchema, seen));
        return {};
      case 'certificate/renew':
        return this.#certify(this.#check(renewRequestSchema, seen).csr, agentId);
      default:
        throw new Refusal('not-found');
    }
  }

  #handOver(agentId: string) {
    const waiting = [...this.tasks.values()].filter(
      (task) => task.agentId === agentId && task.status === 'PENDING',
    );
    return waiting.slice(0, 10).map((task) => {
      task.status = 'ASSIGNED';
      return {
        id: task.id,
        task_type: task.type,
        status: task.status,
        payload: task.payload,
        timeout_seconds: task.timeoutSeconds,
        correlation_id: task.correlationId,
        created_at: new Date().toISOString(),
      };
    });
  }

  #word(agentId: string, taskId: string, word: AgentTaskWord, seen: Seen): unknown {
    const task = this.tasks.get(taskId);
    if (task === undefined || task.agentId !== agentId) throw new Refusal('not-found');
    const said = this.#wordBody(word, seen);
    if (!isRepetition(word, task.status)) {
      const { from, to } = TASK_TRANSITIONS[word];
      if (!from.includes(task.status)) throw new Refusal('task-state-conflict', { task_status: task.status });
      task.status = to;
    }
    task.words.push(word);
    if (word === 'progress') task.progress.push(said.message);
    if (word === 'complete' || word === 'fail') task.result = said.result;
    if (said.error_message !== undefined) task.error = said.error_message;
    return { id: task.id, status: task.status, assigned_at: null, started_at: null, completed_at: null };
  }

  #wordBody(
    word: AgentTaskWord,
    seen: Seen,
  ): {
    message?: string | null | undefined;
    result?: Record<string, unknown> | null | undefined;
    error_message?: string;
  } {
    if (word === 'progress') return this.#check(progressRequestSchema, seen);
    if (word === 'complete') return this.#check(completeRequestSchema, seen);
    return word === 'fail' ? this.#check(failRequestSchema, seen) : {};
  }

  #artifact(seen: Seen, response: ServerResponse): void {
    const content = this.artifacts.get(seen.path.split('/').at(-1) ?? '');
    if (content === undefined) throw new Refusal('not-found');
    const start = Number(/^bytes=(\d+)-$/.exec(seen.range ?? '')?.[1] ?? 0);
    if (start > 0 && start >= content.length) throw new Refusal('range-not-satisfiable');
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': content.length - start,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
    });
    response.end(content.subarray(start));
  }

  #check<T>(schema: z.ZodType<T>, seen: Seen): T {
    const parsed = schema.safeParse(seen.body);
    if (parsed.success) return parsed.data;
    this.violations.push(`${seen.path}: ${parsed.error.message}`);
    throw new Refusal('validation-failed');
  }
}

/** Answers with a problem document. */
export function refuse(
  response: ServerResponse,
  code: ErrorCode,
  extra: object = {},
  headers: Record<string, string> = {},
): true {
  const { status, title } = ERRORS[code];
  const problem = {
    type: `urn:eucora:problem:${code}`,
    title,
    status,
    code,
    detail: title,
    correlation_id: 'x',
  };
  response
    .writeHead(status, { 'content-type': 'application/problem+json', ...headers })
    .end(JSON.stringify({ ...problem, ...extra }));
  return true;
}
