import { readFile } from 'node:fs/promises';
import OpenAI, {
  APIConnectionError,
  APIConnectionTimeoutError,
  APIError,
  APIUserAbortError,
  AzureOpenAI,
} from 'openai';
import type { Config } from '../../contracts/config.ts';
import type { AiCallOutcome, AiProviderName } from '../../contracts/incident/ai.ts';
import type { CredentialCheck } from '../assistant/ports.ts';
import { type Completion, type CompletionRequest, type Provider, ProviderError } from './provider.ts';

/** The library repeats after 408, 409, 429 and 5xx and broken connections, and keeps to Retry-After. Nobody else does. */
const MAX_RETRIES = 2;

type ChatRequest = OpenAI.Chat.ChatCompletionCreateParamsNonStreaming;
type ChatAnswer = OpenAI.Chat.ChatCompletion;

interface Settings {
  readonly name: AiProviderName;
  readonly model: string;
  readonly client: OpenAI;
  /** Servers that imitate the protocol know the older name of the limit only. */
  readonly limit: 'max_completion_tokens' | 'max_tokens';
}

function required(value: string | undefined, variable: string): string {
  if (value === undefined)
    throw new Error(
      `The configuration is not valid:\n  ${variable}: is needed by a provider in EUCORA_AI_PROVIDERS`,
    );
  return value;
}

export function openAiProvider(config: Config): Provider {
  const client = new OpenAI({
    ...clientOptions(config),
    apiKey: required(config.EUCORA_AI_OPENAI_API_KEY, 'EUCORA_AI_OPENAI_API_KEY'),
    baseURL: config.EUCORA_AI_OPENAI_BASE_URL ?? 'https://api.openai.com/v1',
  });
  return chatProvider({
    name: 'openai',
    model: config.EUCORA_AI_OPENAI_MODEL,
    client,
    limit: 'max_completion_tokens',
  });
}

export function compatibleProvider(config: Config): Provider {
  const client = new OpenAI({
    ...clientOptions(config),
    // Local servers want none; the library wants one.
    apiKey: config.EUCORA_AI_COMPATIBLE_API_KEY ?? 'none',
    baseURL: required(config.EUCORA_AI_COMPATIBLE_URL, 'EUCORA_AI_COMPATIBLE_URL'),
  });
  const model = required(config.EUCORA_AI_COMPATIBLE_MODEL, 'EUCORA_AI_COMPATIBLE_MODEL');
  return chatProvider({ name: 'compatible', model, client, limit: 'max_tokens' });
}

export function azureProvider(config: Config): Provider {
  const deployment = required(config.EUCORA_AI_AZURE_DEPLOYMENT, 'EUCORA_AI_AZURE_DEPLOYMENT');
  const tokenFile = config.EUCORA_AI_AZURE_TOKEN_FILE;
  const credentials =
    tokenFile === undefined
      ? {
          apiKey: required(
            config.EUCORA_AI_AZURE_API_KEY,
            'EUCORA_AI_AZURE_API_KEY or EUCORA_AI_AZURE_TOKEN_FILE',
          ),
        }
      : { azureADTokenProvider: async () => (await readFile(tokenFile, 'utf8')).trim() };
  const client = new AzureOpenAI({
    ...clientOptions(config),
    ...credentials,
    endpoint: required(config.EUCORA_AI_AZURE_ENDPOINT, 'EUCORA_AI_AZURE_ENDPOINT'),
    apiVersion: config.EUCORA_AI_AZURE_API_VERSION,
    deployment,
  });
  return chatProvider({ name: 'azure', model: deployment, client, limit: 'max_completion_tokens' });
}

const clientOptions = (config: Config) => ({
  maxRetries: MAX_RETRIES,
  timeout: config.EUCORA_AI_TIMEOUT_SECONDS * 1_000,
  // The library would read further settings and write answers to the console.
  logLevel: 'off' as const,
  organization: null,
  project: null,
});

function chatProvider({ name, model, client, limit }: Settings): Provider {
  const timeoutMs = client.timeout;
  // Learned from refusals: some models take no temperature, some servers no schema.
  const lacks = new Set<'temperature' | 'schema'>();

  function requestOf(request: CompletionRequest): ChatRequest {
    return {
      model,
      messages: [
        {
          role: 'system',
          content: lacks.has('schema')
            ? `${request.system}\n\nThe JSON schema of the answer:\n${JSON.stringify(request.schema.schema)}`
            : request.system,
        },
        { role: 'user', content: request.prompt },
      ],
      [limit]: request.maxTokens,
      ...(lacks.has('temperature') ? {} : { temperature: request.temperature }),
      response_format: lacks.has('schema')
        ? { type: 'json_object' }
        : {
            type: 'json_schema',
            json_schema: { name: request.schema.name, strict: true, schema: request.schema.schema },
          },
    };
  }

  async function ask(request: CompletionRequest): Promise<ChatAnswer> {
    for (;;) {
      try {
        return await client.chat.completions.create(requestOf(request), { signal: request.signal ?? null });
      } catch (error) {
        const lacking = refusedPart(error);
        if (lacking === undefined || lacks.has(lacking)) throw error;
        lacks.add(lacking);
      }
    }
  }

  return {
    name,
    model,
    metered: true,
    async complete(request) {
      const begun = performance.now();
      let answer: ChatAnswer;
      try {
        answer = await ask(request);
      } catch (error) {
        // What ends a wait too long is told in several ways; that it was long enough for it is certain.
        throw asProviderError(error, performance.now() - begun >= timeoutMs);
      }
      return completionOf(answer, name, Math.round(performance.now() - begun));
    },
    async checkCredentials(signal) {
      return checkCredentials(name, model, client, signal);
    },
  };
}

function refusedPart(error: unknown): 'temperature' | 'schema' | undefined {
  if (!(error instanceof APIError) || (error.status !== 400 && error.status !== 422)) return undefined;
  const said = `${error.param ?? ''} ${error.message}`;
  if (/temperature/i.test(said)) return 'temperature';
  return /response_format|json_schema/i.test(said) ? 'schema' : undefined;
}

function completionOf(answer: ChatAnswer, provider: AiProviderName, latencyMs: number): Completion {
  const choice = answer.choices?.[0];
  const tokens = {
    inputTokens: answer.usage?.prompt_tokens ?? 0,
    outputTokens: answer.usage?.completion_tokens ?? 0,
  };
  const text = choice?.message?.content ?? '';
  if (choice?.message?.refusal)
    throw new ProviderError('refused', 'The model refused to answer', {
      ...tokens,
      answer: choice.message.refusal,
    });
  if (choice?.finish_reason === 'content_filter')
    throw new ProviderError('content_filtered', 'The provider’s content filter held the answer back', {
      ...tokens,
      answer: text,
    });
  if (choice?.finish_reason === 'length')
    throw new ProviderError('truncated', 'The answer was longer than allowed', { ...tokens, answer: text });
  if (choice === undefined || text === '')
    throw new ProviderError('schema_mismatch', 'The answer was empty', tokens);
  return {
    text,
    confidence: null,
    reasoning: null,
    provider,
    model: answer.model ?? '',
    ...tokens,
    latencyMs,
  };
}

function asProviderError(error: unknown, waitedLong = false): ProviderError {
  const because = (outcome: AiCallOutcome, message: string) =>
    new ProviderError(outcome, message, { cause: error });
  if (error instanceof APIUserAbortError)
    return because('unavailable', 'The call was ended before it was answered');
  if (error instanceof APIConnectionTimeoutError || (waitedLong && error instanceof APIConnectionError))
    return because('timed_out', 'The provider did not answer in time');
  if (error instanceof APIConnectionError) return because('unavailable', 'The provider cannot be reached');
  if (error instanceof APIError) {
    if (error.status === 401 || error.status === 403)
      return because('unauthorized', `The provider refuses our credentials (${error.status})`);
    if (error.status === 429)
      return because('rate_limited', 'The provider allows no more calls for now (429)');
    if (error.code === 'content_filter')
      return because('content_filtered', 'The provider’s content filter held the question back');
    return because('unavailable', `The provider answered with ${error.status ?? 'no status'}`);
  }
  // A body that is no JSON.
  return because('unavailable', 'The provider’s answer could not be read');
}

async function checkCredentials(
  name: AiProviderName,
  model: string,
  client: OpenAI,
  signal?: AbortSignal,
): Promise<CredentialCheck> {
  try {
    // Azure lists no deployments: the smallest question tells as well.
    if (name === 'azure')
      await client.chat.completions.create(
        { model, messages: [{ role: 'user', content: 'ping' }], max_completion_tokens: 16 },
        { signal: signal ?? null, maxRetries: 0 },
      );
    else await client.models.list({ signal: signal ?? null, maxRetries: 0 });
    return { provider: name, ok: true, detail: `${model}: credentials are accepted` };
  } catch (error) {
    const { outcome, message } = asProviderError(error);
    // Too many calls are a matter of the account, not of its key.
    return { provider: name, ok: outcome === 'rate_limited', detail: message };
  }
}
