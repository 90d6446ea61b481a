import type { Dispatcher } from 'undici';
import type { z } from 'zod';
import {
  issuedCertificateSchema,
  type RegisterResponse,
  type registerRequestSchema,
  registerResponseSchema,
} from '../../contracts/agent/enrolment.ts';
import {
  type HeartbeatRequest,
  type HeartbeatResponse,
  heartbeatResponseSchema,
} from '../../contracts/agent/heartbeat.ts';
import type { AgentTaskWord } from '../../contracts/agent-task/states.ts';
import { CORRELATION_ID_HEADER } from '../../contracts/http/common.ts';
import type { DeploymentReport, TelemetryRequest } from '../../contracts/telemetry/telemetry.ts';
import { MAX_ERROR_BODY_BYTES, textWithin } from './body.ts';
import { platformError, UnreachableError } from './errors.ts';

export interface CallOptions {
  readonly correlationId?: string;
  readonly signal?: AbortSignal;
}

export interface ClientOptions {
  /** URL of the platform's agent listener; may have a path. */
  readonly server: string;
  readonly dispatcher: Dispatcher;
  readonly userAgent?: string;
  readonly maxAnswerBytes?: number;
}

export type IssuedCertificate = z.infer<typeof issuedCertificateSchema>;
export type RegisterBody = z.input<typeof registerRequestSchema>;

/**
 * What an agent says to the platform. Knows no files and no time: ids, dispatcher and bodies are given.
 * Every method throws PlatformError (answered, not 2xx) or UnreachableError (anything else).
 */
export class PlatformClient {
  readonly #server: URL;
  readonly #dispatcher: Dispatcher;
  readonly #userAgent: string;
  readonly #maxAnswerBytes: number;

  constructor(options: ClientOptions) {
    this.#server = new URL(options.server);
    this.#dispatcher = options.dispatcher;
    this.#userAgent = options.userAgent ?? 'eucora-agent';
    this.#maxAnswerBytes = options.maxAnswerBytes ?? 67_108_864;
  }

  /** Enrols: by registration key, or by the client certificate of an identity that was cloned. */
  async register(body: RegisterBody, options?: CallOptions): Promise<RegisterResponse> {
    return this.#answer(registerResponseSchema, await this.#post('agents/register', body, options));
  }

  async heartbeat(
    agentId: string,
    body: HeartbeatRequest,
    options?: CallOptions,
  ): Promise<HeartbeatResponse> {
    return this.#answer(
      heartbeatResponseSchema,
      await this.#post(`agents/${agentId}/heartbeat`, body, options),
    );
  }

  /** A new certificate under the present one. */
  async renew(agentId: string, csr: string, options?: CallOptions): Promise<IssuedCertificate> {
    const answer = await this.#post(`agents/${agentId}/certificate/renew`, { csr }, options);
    return this.#answer(issuedCertificateSchema, answer);
  }

  /** Resolves if the platform knows the agent under the certificate in use; changes nothing. */
  async probe(agentId: string, options?: CallOptions): Promise<void> {
    await this.#call('GET', `agents/${agentId}/tasks?limit=1`, undefined, options);
  }

  /** A word on a task. Any 2xx means that it was taken. */
  async say(taskId: string, word: AgentTaskWord, body: object, options?: CallOptions): Promise<void> {
    await this.#post(`agents/tasks/${taskId}/${word}`, body, options);
  }

  async telemetry(agentId: string, body: TelemetryRequest, options?: CallOptions): Promise<void> {
    await this.#post(`agents/${agentId}/telemetry`, body, options);
  }

  async deploymentStatus(agentId: string, body: DeploymentReport, options?: CallOptions): Promise<void> {
    await this.#post(`agents/${agentId}/deployment-status`, body, options);
  }

  #post(path: string, body: object, options?: CallOptions): Promise<string> {
    return this.#call('POST', path, JSON.stringify(body), options);
  }

  #answer<T>(schema: z.ZodType<T>, text: string): T {
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      throw new UnreachableError('The platform’s answer does not fit the contract', { cause: error });
    }
  }

  async #call(
    method: 'GET' | 'POST',
    path: string,
    body: string | undefined,
    { correlationId, signal }: CallOptions = {},
  ): Promise<string> {
    let answer: Dispatcher.ResponseData;
    let text: string | undefined;
    let taken: boolean;
    try {
      answer = await this.#dispatcher.request({
        origin: this.#server.origin,
        path: `${this.#server.pathname.replace(/\/+$/, '')}/api/v1/${path}`,
        method,
        headers: {
          accept: 'application/json',
          'user-agent': this.#userAgent,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(correlationId === undefined ? {} : { [CORRELATION_ID_HEADER.toLowerCase()]: correlationId }),
        },
        body: body ?? null,
        ...(signal === undefined ? {} : { signal }),
      });
      taken = answer.statusCode >= 200 && answer.statusCode < 300;
      text = await textWithin(answer.body, taken ? this.#maxAnswerBytes : MAX_ERROR_BODY_BYTES);
    } catch (error) {
      throw new UnreachableError('The platform cannot be reached', { cause: error });
    }
    if (taken) {
      if (text !== undefined) return text;
      throw new UnreachableError(`The platform’s answer is larger than ${this.#maxAnswerBytes} bytes`);
    }
    const retryAfter = answer.headers['retry-after'];
    throw platformError(
      answer.statusCode,
      text ?? '',
      typeof retryAfter === 'string' ? retryAfter : undefined,
    );
  }
}
