import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

/** One answer of the server; `hang` leaves the caller waiting. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Sent as it is, also when it is no JSON. */
  readonly raw?: string;
  readonly hang?: boolean;
}

const bodySchema = z.looseObject({
  model: z.string(),
  messages: z.array(z.object({ role: z.string(), content: z.string() })),
});

export interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: z.infer<typeof bodySchema> | undefined;
  readonly at: number;
}

export interface ProviderServer {
  readonly url: string;
  readonly heard: Heard[];
  /** Answers to come, in order; the last one is repeated. */
  answerWith(...replies: readonly Reply[]): void;
  close(): Promise<void>;
}

/** Speaks the published protocol of chat completions over HTTP, with the errors that it is told to give. */
export async function startProviderServer(): Promise<ProviderServer> {
  const heard: Heard[] = [];
  let replies: Reply[] = [];
  const hanging = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      heard.push({
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: text === '' ? undefined : bodySchema.parse(JSON.parse(text)),
        at: performance.now(),
      });
      const reply = (replies.length > 1 ? replies.shift() : replies[0]) ?? { status: 501 };
      if (reply.hang === true) {
        hanging.add(response);
        return;
      }
      response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
      response.end(reply.raw ?? JSON.stringify(reply.body ?? {}));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    heard,
    answerWith: (...next) => {
      replies = [...next];
    },
    close: () => {
      for (const response of hanging) response.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A completion as OpenAI sends it. */
export function completion(
  content: unknown,
  {
    finish = 'stop',
    refusal = null,
    tokens = [120, 30],
  }: { finish?: string; refusal?: string | null; tokens?: [number, number] } = {},
): Reply {
  return {
    body: {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1_700_000_000,
      model: 'gpt-4.1-mini-2025-04-14',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: typeof content === 'string' ? content : JSON.stringify(content),
            refusal,
          },
          finish_reason: finish,
        },
      ],
      usage: { prompt_tokens: tokens[0], completion_tokens: tokens[1], total_tokens: tokens[0] + tokens[1] },
    },
  };
}

/** An error as OpenAI sends it. */
export function refusal(
  status: number,
  error: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return {
    status,
    headers: { 'retry-after-ms': '1', ...headers },
    body: { error: { message: `status ${status}`, type: 'error', param: null, code: null, ...error } },
  };
}
