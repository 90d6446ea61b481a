import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assistantWith, CLASSIFIED, FAILURE } from './support/assistant.ts';
import { completion, type ProviderServer, refusal, startProviderServer } from './support/provider-server.ts';

describe('Providers that speak the protocol of chat completions', () => {
  let server: ProviderServer;
  beforeEach(async () => {
    server = await startProviderServer();
  });
  afterEach(() => server.close());

  const openAi = (more: Readonly<Record<string, string>> = {}) =>
    assistantWith({
      EUCORA_AI_PROVIDERS: 'openai',
      EUCORA_AI_OPENAI_API_KEY: 'key-of-test',
      EUCORA_AI_OPENAI_BASE_URL: `${server.url}/v1`,
      ...more,
    });

  it('OpenAI is asked for JSON of a strict schema, and its tokens are recorded', async () => {
    server.answerWith(completion(CLASSIFIED));
    const { classification, calls, decision } = await openAi().classifyIncident(FAILURE);
    expect(decision).toBe('suggest');
    expect(classification).toMatchObject({
      category: 'INSTALLATION_FAILURE',
      provider: 'openai',
      model: 'gpt-4.1-mini-2025-04-14',
    });
    expect(calls).toMatchObject([
      {
        outcome: 'answered',
        input_tokens: 120,
        output_tokens: 30,
        prompt: 'classify-incident',
        prompt_version: '1',
        at: '2026-01-02T03:04:05.000Z',
      },
    ]);
    const [request] = server.heard;
    expect(request?.url).toBe('/v1/chat/completions');
    expect(request?.headers.authorization).toBe('Bearer key-of-test');
    expect(request?.body).toMatchObject({
      model: 'gpt-4.1-mini',
      temperature: 0,
      max_completion_tokens: 1_500,
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'classify_incident',
          strict: true,
          schema: { additionalProperties: false, required: expect.arrayContaining(['category', 'evidence']) },
        },
      },
    });
  });

  it('Azure is asked by deployment and API version, with its key', async () => {
    server.answerWith(completion(CLASSIFIED));
    const assistant = assistantWith({
      EUCORA_AI_PROVIDERS: 'azure',
      EUCORA_AI_AZURE_ENDPOINT: server.url,
      EUCORA_AI_AZURE_DEPLOYMENT: 'triage',
      EUCORA_AI_AZURE_API_KEY: 'azure-key',
    });
    expect((await assistant.classifyIncident(FAILURE)).classification?.provider).toBe('azure');
    expect(server.heard[0]?.url).toBe('/openai/deployments/triage/chat/completions?api-version=2024-10-21');
    expect(server.heard[0]?.headers['api-key']).toBe('azure-key');
  });

  it('Azure takes an Entra token, which is read anew for each call', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'eucora-token-'));
    const file = join(folder, 'token');
    const assistant = assistantWith({
      EUCORA_AI_PROVIDERS: 'azure',
      EUCORA_AI_AZURE_ENDPOINT: server.url,
      EUCORA_AI_AZURE_DEPLOYMENT: 'triage',
      EUCORA_AI_AZURE_TOKEN_FILE: file,
    });
    server.answerWith(completion(CLASSIFIED));
    for (const token of ['first', 'second']) {
      writeFileSync(file, `${token}\n`);
      await assistant.classifyIncident(FAILURE, { fresh: true });
    }
    expect(server.heard.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer first',
      'Bearer second',
    ]);
    rmSync(folder, { recursive: true });
  });

  const compatible = () =>
    assistantWith({
      EUCORA_AI_PROVIDERS: 'compatible',
      EUCORA_AI_COMPATIBLE_URL: `${server.url}/v1`,
      EUCORA_AI_COMPATIBLE_MODEL: 'llama3',
    });

  it('a server without schemas or temperatures is asked without them from then on', async () => {
    server.answerWith(
      refusal(400, { message: 'response_format json_schema is not supported' }),
      refusal(400, { message: 'unsupported value', param: 'temperature' }),
      completion(CLASSIFIED),
    );
    const assistant = compatible();
    expect((await assistant.classifyIncident(FAILURE)).classification?.provider).toBe('compatible');
    await assistant.classifyIncident(FAILURE, { fresh: true });
    const last = server.heard.at(-1)?.body;
    expect(server.heard).toHaveLength(4);
    expect(last).toMatchObject({ max_tokens: 1_500, response_format: { type: 'json_object' } });
    expect(last).not.toHaveProperty('temperature');
    expect(last?.messages[0]?.content).toContain('"additionalProperties":false');
  });

  it('a 429 is repeated no sooner than Retry-After allows', async () => {
    server.answerWith({ ...refusal(429), headers: { 'retry-after': '1' } }, completion(CLASSIFIED));
    const { calls } = await openAi().classifyIncident(FAILURE);
    expect(calls).toMatchObject([{ outcome: 'answered' }]);
    const [first, second] = server.heard;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it('a failing server is asked three times in all, by the library alone', async () => {
    server.answerWith(refusal(500));
    const { calls, decision, classification, reason } = await openAi().classifyIncident(FAILURE);
    expect(server.heard).toHaveLength(3);
    expect({ decision, classification }).toEqual({ decision: 'hand_to_person', classification: null });
    expect(calls).toMatchObject([{ outcome: 'unavailable', error: 'The provider answered with 500' }]);
    expect(reason).toContain('openai');
  });

  it.each([
    ['too many calls', refusal(429), 'rate_limited'],
    ['a wrong key', refusal(401), 'unauthorized'],
    ['a forbidden resource', refusal(403), 'unauthorized'],
    ['a content filter before the model', refusal(400, { code: 'content_filter' }), 'content_filtered'],
    ['a content filter behind the model', completion('', { finish: 'content_filter' }), 'content_filtered'],
    ['a refusal', completion('', { refusal: 'I cannot help with that' }), 'refused'],
    ['a body that is no JSON', { raw: '{"choices": [{"mess' }, 'unavailable'],
  ] as const)('%s is recorded, and the offline rules answer instead', async (_, reply, outcome) => {
    server.answerWith(reply);
    const { calls, classification } = await openAi({
      EUCORA_AI_PROVIDERS: 'openai,offline',
    }).classifyIncident(FAILURE);
    expect(calls.map((call) => call.outcome)).toEqual([outcome, 'answered']);
    expect(classification).toMatchObject({ provider: 'offline', category: 'INSTALLATION_FAILURE' });
    expect(classification?.root_cause).toContain('offline');
  });

  it('a provider that does not answer in time is given up', async () => {
    server.answerWith({ hang: true });
    const { calls } = await openAi({
      EUCORA_AI_TIMEOUT_SECONDS: '1',
      EUCORA_AI_PROVIDERS: 'openai,offline',
    }).classifyIncident(FAILURE);
    expect(calls.map((call) => call.outcome)).toEqual(['timed_out', 'answered']);
  });

  it('a machine that is not there is unavailable', async () => {
    const assistant = openAi();
    await server.close();
    const { calls } = await assistant.classifyIncident(FAILURE);
    expect(calls).toMatchObject([{ outcome: 'unavailable', error: 'The provider cannot be reached' }]);
  });

  describe('an answer that does not fit its schema', () => {
    it.each([
      [
        'a category that does not exist',
        completion({ ...CLASSIFIED, category: 'GREMLINS' }),
        'schema_mismatch',
      ],
      ['text', completion('The disk is full.'), 'schema_mismatch'],
      ['nothing', completion(''), 'schema_mismatch'],
      ['half a JSON', completion('{"category": "INSTALL', { finish: 'length' }), 'truncated'],
    ] as const)('%s is asked for once more, then handed to a person', async (_, reply, outcome) => {
      server.answerWith(reply);
      const result = await openAi({ EUCORA_AI_PROVIDERS: 'openai,offline' }).classifyIncident(FAILURE);
      expect(result).toMatchObject({ classification: null, decision: 'hand_to_person' });
      expect(result.calls.map((call) => call.outcome)).toEqual([outcome, outcome]);
      expect(server.heard).toHaveLength(2);
    });

    it('is used when the second one fits, with less confidence', async () => {
      server.answerWith(completion('```json\n{}\n```'), completion(CLASSIFIED));
      const result = await openAi().classifyIncident(FAILURE);
      expect(result.confidence_parts?.schema_fit).toBe(0.5);
      expect(server.heard[1]?.body?.messages[1]?.content).toContain('did not fit the schema: category');
    });
  });

  it('credentials are checked', async () => {
    server.answerWith({ body: { object: 'list', data: [] } });
    expect(await openAi({ EUCORA_AI_PROVIDERS: 'openai,offline' }).checkCredentials()).toMatchObject([
      { provider: 'openai', ok: true },
      { provider: 'offline', ok: true, detail: expect.stringContaining('offline') },
    ]);
    server.answerWith(refusal(401));
    expect(await openAi().checkCredentials()).toEqual([
      { provider: 'openai', ok: false, detail: 'The provider refuses our credentials (401)' },
    ]);
    const azure = assistantWith({
      EUCORA_AI_PROVIDERS: 'azure',
      EUCORA_AI_AZURE_ENDPOINT: server.url,
      EUCORA_AI_AZURE_DEPLOYMENT: 'triage',
      EUCORA_AI_AZURE_API_KEY: 'k',
    });
    server.answerWith(completion('pong'));
    expect(await azure.checkCredentials()).toMatchObject([{ provider: 'azure', ok: true }]);
  });

  it.each(['openai', 'azure', 'compatible'])(
    '%s without its settings ends the start, and says which is missing',
    (name) => {
      expect(() => assistantWith({ EUCORA_AI_PROVIDERS: name })).toThrow(
        /EUCORA_AI_\w+: is needed by a provider in EUCORA_AI_PROVIDERS/,
      );
    },
  );
});
