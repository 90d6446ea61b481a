import type { Readable } from 'node:stream';
import { type Dispatcher, request } from 'undici';
import { z } from 'zod';
import { CORRELATION_ID_HEADER } from '../../contracts/http/common.ts';
import { type Problem, problemSchema } from '../../contracts/http/problem.ts';
import { CliError, messageOf, systemCodeOf } from './errors.ts';
import { HINTS } from './hints.ts';

const DEADLINE_MS = 30_000;
/** From the last byte sent: the platform checks and keeps the file before it answers. */
const UPLOAD_DEADLINE_MS = 300_000;
const MAX_ANSWER_BYTES = 256 * 1_048_576;

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly token?: string | undefined;
  readonly correlationId: string;
  readonly json?: unknown;
  /** Opened when the request is sent. */
  readonly upload?: { open: () => Readable; bytes: number };
  readonly idempotencyKey?: string | undefined;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
}

/** Did not reach the platform, or got no whole answer. */
export class NetworkError extends Error {}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly correlationId: string;
}

export async function send(call: HttpRequest): Promise<Answer> {
  return exchange(call, async (body, status, correlationId) => ({
    status,
    body: await readBody(body),
    correlationId,
  }));
}

/** Has `take` read the body of a good answer as it comes in. @throws CliError for any other one */
export function receive(call: HttpRequest, take: (body: Readable) => Promise<void>): Promise<void> {
  return exchange(call, async (body, status, correlationId) => {
    if (status !== 200) throw refusal({ status, body: await readBody(body), correlationId });
    await take(body);
  });
}

async function exchange<T>(
  call: HttpRequest,
  read: (body: Readable, status: number, correlationId: string) => Promise<T>,
): Promise<T> {
  const headers: Record<string, string> = {
    accept: 'application/json, application/problem+json',
    [CORRELATION_ID_HEADER]: call.correlationId,
  };
  if (call.token !== undefined) headers['authorization'] = `Bearer ${call.token}`;
  if (call.idempotencyKey !== undefined) headers['idempotency-key'] = call.idempotencyKey;
  if (call.json !== undefined) headers['content-type'] = 'application/json';
  if (call.upload !== undefined) {
    headers['content-type'] = 'application/octet-stream';
    headers['content-length'] = String(call.upload.bytes);
  }
  const stream = call.upload?.open();
  const deadline = call.upload === undefined ? DEADLINE_MS : UPLOAD_DEADLINE_MS;
  try {
    const response = await request(call.url, {
      method: call.method,
      headers,
      body: stream ?? (call.json === undefined ? null : JSON.stringify(call.json)),
      dispatcher: call.dispatcher,
      signal: call.signal,
      headersTimeout: deadline,
      bodyTimeout: deadline,
    });
    const given = response.headers[CORRELATION_ID_HEADER.toLowerCase()];
    const correlationId = typeof given === 'string' ? given : call.correlationId;
    return await read(response.body, response.statusCode, correlationId);
  } catch (error) {
    if (call.signal.aborted) throw new CliError('interrupted', { title: 'Interrupted' }, error);
    if (error instanceof CliError) throw error;
    throw new NetworkError(systemCodeOf(error) ?? messageOf(error), { cause: error });
  } finally {
    stream?.destroy();
  }
}

async function readBody(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_ANSWER_BYTES) throw new Error('the answer is too large');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The answer's body by its contract; throws what the platform says instead. */
export function understand<T>(answer: Answer, schema: z.ZodType<T>): T {
  if (answer.status < 200 || answer.status > 299) throw refusal(answer);
  const parsed = schema.safeParse(parseJson(answer.body));
  if (parsed.success) return parsed.data;
  throw notUnderstood(answer, `It differs from the contract: ${z.prettifyError(parsed.error)}`);
}

/** A problem as the platform tells it, or the best that can be said of an answer that is none. */
export function refusal(answer: Answer): CliError {
  const problem = problemSchema.safeParse(parseJson(answer.body));
  if (problem.success) return fromProblem(problem.data);
  return notUnderstood(answer, 'It is not a problem document; the address may belong to something else.');
}

function fromProblem(problem: Problem): CliError {
  const later = problem.status >= 500 || problem.status === 429;
  const status = problem.task_status;
  const told = status === undefined || problem.detail.includes(status);
  const state = told ? '' : ` The task is ${status}.`;
  return new CliError(later ? 'unavailable' : 'refused', {
    title: problem.title,
    detail: `${problem.detail}${state}`,
    hint: HINTS[problem.code],
    code: problem.code,
    correlation_id: problem.correlation_id,
    errors: problem.errors,
  });
}

function notUnderstood(answer: Answer, detail: string): CliError {
  return new CliError('unavailable', {
    title: `The answer (status ${answer.status}) was not understood`,
    detail,
    hint: 'Check the address (--api), and that CLI and platform are of the same version.',
    correlation_id: answer.correlationId,
  });
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
