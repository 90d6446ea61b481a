import { createHash } from 'node:crypto';
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from 'cockatiel';
import { z } from 'zod';
import type { AiCall, AiCallOutcome, AiProviderName, Redactions } from '../../contracts/incident/ai.ts';
import { createMarker } from '../guardrails/marking.ts';
import { createRedactor } from '../guardrails/redaction/redactor.ts';
import type { AskedAbout, Prompt } from '../prompts/prompt.ts';
import { type Completion, type Provider, ProviderError } from '../providers/provider.ts';
import type { AssistantDependencies, CallOptions } from './ports.ts';

export interface AskingSettings {
  readonly dailyTokens: number;
  readonly maxAnswerTokens: number;
  readonly breakAfter: number;
  readonly halfOpenAfterMs: number;
}

/** An answer that fits its schema. */
export interface Answer<T> {
  readonly value: T;
  readonly provider: AiProviderName;
  readonly model: string;
  /** 2 when it had to be asked once more. */
  readonly asks: number;
}

/** Failures that say something about the provider's health, not about the question. */
const OF_HEALTH: ReadonlySet<AiCallOutcome> = new Set(['unavailable', 'timed_out', 'rate_limited']);
/** Characters that a token stands for at the least: reservations err on the safe side. */
const CHARACTERS_PER_TOKEN = 2.5;

export class Asking {
  private readonly providers: readonly Provider[];
  private readonly dependencies: AssistantDependencies;
  private readonly settings: AskingSettings;
  private readonly breakers: ReadonlyMap<AiProviderName, CircuitBreakerPolicy>;

  constructor(providers: readonly Provider[], dependencies: AssistantDependencies, settings: AskingSettings) {
    this.providers = providers;
    this.dependencies = dependencies;
    this.settings = settings;
    this.breakers = new Map(
      providers.map(({ name }) => [
        name,
        circuitBreaker(
          handleWhen((error) => error instanceof ProviderError && OF_HEALTH.has(error.outcome)),
          { halfOpenAfter: settings.halfOpenAfterMs, breaker: new ConsecutiveBreaker(settings.breakAfter) },
        ),
      ]),
    );
  }

  /**
   * Asks one provider after the other until one answers. One whose answer does not fit is asked once more; if that
   * does not fit either, nobody else is asked: a person decides. `calls` tells what was done.
   */
  async ask<Input extends AskedAbout, T>(
    prompt: Prompt<Input, T>,
    input: Input,
    redactions: Redactions,
    calls: AiCall[],
    options: CallOptions,
  ): Promise<Answer<T> | undefined> {
    for (const provider of this.providers) {
      const attempt = new Attempt(prompt, input, provider, redactions, this.dependencies.now);
      const answer = await this.askOne(attempt, calls, options);
      if (answer === 'misfit') return undefined;
      if (answer !== undefined) return answer;
      options.signal?.throwIfAborted();
    }
    return undefined;
  }

  private async askOne<Input extends AskedAbout, T>(
    attempt: Attempt<Input, T>,
    calls: AiCall[],
    options: CallOptions,
  ): Promise<Answer<T> | 'misfit' | undefined> {
    const { provider } = attempt;
    const key = attempt.cacheKey(options.fingerprint);
    const kept =
      provider.metered && options.fresh !== true ? await this.dependencies.cache.get(key) : undefined;
    if (kept !== undefined) {
      const value = attempt.parsed(kept);
      if (value.success) {
        calls.push(attempt.record({ outcome: 'answered', cached: true, raw_answer: kept }));
        return { value: value.data, provider: provider.name, model: provider.model, asks: 1 };
      }
    }
    let objection: string | undefined;
    for (let asks = 1; asks <= 2; asks += 1) {
      const outcome = await this.call(attempt, objection, calls, options);
      if (outcome === undefined) return undefined;
      if (outcome.fits) {
        if (provider.metered) await this.dependencies.cache.put(key, attempt.redact(outcome.text));
        return { value: outcome.value, provider: provider.name, model: outcome.model, asks };
      }
      ({ objection } = outcome);
    }
    return 'misfit';
  }

  /** Undefined when the provider gave nothing that could be read as an answer: the next one is asked. */
  private async call<Input extends AskedAbout, T>(
    attempt: Attempt<Input, T>,
    objection: string | undefined,
    calls: AiCall[],
    options: CallOptions,
  ): Promise<
    { fits: true; value: T; text: string; model: string } | { fits: false; objection: string } | undefined
  > {
    const { provider } = attempt;
    const request = attempt.request(objection, this.settings.maxAnswerTokens, options.signal);
    const estimate =
      Math.ceil((request.system.length + request.prompt.length) / CHARACTERS_PER_TOKEN) +
      this.settings.maxAnswerTokens;
    const reserved = provider.metered ? estimate : 0;
    if (
      reserved > 0 &&
      !(await this.dependencies.ledger.reserve(provider.name, reserved, this.settings.dailyTokens))
    ) {
      calls.push(
        attempt.record({
          outcome: 'over_budget',
          error: `Today’s budget of ${this.settings.dailyTokens} tokens leaves too little for this call`,
        }),
      );
      return undefined;
    }
    let used = 0;
    try {
      const completion = await this.breakers.get(provider.name)?.execute(() => provider.complete(request));
      if (completion === undefined) return undefined;
      used = completion.inputTokens + completion.outputTokens;
      const value = attempt.parsed(completion.text);
      calls.push(attempt.answered(completion, value.success ? undefined : value.objection));
      return value.success
        ? { fits: true, value: value.data, text: completion.text, model: completion.model || provider.model }
        : { fits: false, objection: value.objection };
    } catch (error) {
      const failure = asFailure(error);
      used = failure.inputTokens + failure.outputTokens;
      calls.push(attempt.failed(failure));
      // What was cut off or empty is an answer that does not fit.
      return failure.outcome === 'truncated' || failure.outcome === 'schema_mismatch'
        ? { fits: false, objection: failure.message }
        : undefined;
    } finally {
      if (reserved > 0) await this.dependencies.ledger.settle(provider.name, reserved, used);
    }
  }
}

function asFailure(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  if (error instanceof BrokenCircuitError)
    return new ProviderError(
      'circuit_open',
      'The provider failed several times and is left alone for a while',
    );
  throw error;
}

type Parsed<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly objection: string };

/** One question to one provider. */
class Attempt<Input extends AskedAbout, T> {
  readonly provider: Provider;
  private readonly prompt: Prompt<Input, T>;
  private readonly input: Input;
  private readonly redactions: Redactions;
  private readonly now: () => Date;
  private begun = performance.now();

  constructor(
    prompt: Prompt<Input, T>,
    input: Input,
    provider: Provider,
    redactions: Redactions,
    now: () => Date,
  ) {
    this.prompt = prompt;
    this.input = input;
    this.provider = provider;
    this.redactions = redactions;
    this.now = now;
  }

  request(objection: string | undefined, maxTokens: number, signal: AbortSignal | undefined) {
    this.begun = performance.now();
    const text = this.prompt.render(this.input, createMarker());
    return {
      system: this.prompt.system,
      prompt:
        objection === undefined
          ? text
          : `${text}\n\nAn earlier answer did not fit the schema: ${objection}. Answer again, with JSON that fits.`,
      context: this.input,
      temperature: 0,
      maxTokens,
      schema: { name: this.prompt.name.replaceAll('-', '_'), schema: jsonSchemaOf(this.prompt.answer) },
      signal,
    };
  }

  /** Of all that decides the answer; a fingerprint stands for the failure's text, which differs by device. */
  cacheKey(fingerprint: string | undefined): string {
    const { platform, package: name } = this.input.failure;
    const about =
      fingerprint === undefined
        ? this.input
        : { ...this.input, failure: { platform, package: name, fingerprint } };
    return createHash('sha256')
      .update(
        JSON.stringify([
          this.provider.name,
          this.provider.model,
          this.prompt.name,
          this.prompt.version,
          about,
        ]),
      )
      .digest('hex');
  }

  parsed(text: string): Parsed<T> {
    let value: unknown;
    try {
      value = JSON.parse(text.replace(/^\s*```(?:json)?\s*|\s*```\s*$/g, ''));
    } catch {
      return { success: false, objection: 'it is no JSON' };
    }
    const result = this.prompt.answer.safeParse(value);
    if (result.success) return { success: true, data: result.data };
    const issue = result.error.issues[0];
    return {
      success: false,
      objection: `${issue?.path.join('.') || 'the answer'}: ${issue?.message ?? 'wrong'}`,
    };
  }

  redact(text: string): string {
    return createRedactor().redact(text);
  }

  record(details: Partial<AiCall> & Pick<AiCall, 'outcome'>): AiCall {
    return {
      purpose: this.input.purpose,
      prompt: this.prompt.name,
      prompt_version: this.prompt.version,
      provider: this.provider.name,
      model: this.provider.model,
      cached: false,
      input_tokens: 0,
      output_tokens: 0,
      latency_ms: 0,
      redactions: this.redactions,
      raw_answer: null,
      error: null,
      at: this.now().toISOString(),
      ...details,
    };
  }

  answered(completion: Completion, objection: string | undefined): AiCall {
    return this.record({
      outcome: objection === undefined ? 'answered' : 'schema_mismatch',
      model: completion.model || this.provider.model,
      input_tokens: completion.inputTokens,
      output_tokens: completion.outputTokens,
      latency_ms: completion.latencyMs,
      raw_answer: this.redact(completion.text),
      error: objection ?? null,
    });
  }

  failed(failure: ProviderError): AiCall {
    return this.record({
      outcome: failure.outcome,
      input_tokens: failure.inputTokens,
      output_tokens: failure.outputTokens,
      latency_ms: Math.round(performance.now() - this.begun),
      raw_answer: failure.answer === null ? null : this.redact(failure.answer),
      error: failure.message,
    });
  }
}

/** As providers with strict schemas want it: no bounds, every property required. */
export function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  const unwanted = new Set([
    '$schema',
    'minLength',
    'maxLength',
    'minimum',
    'maximum',
    'maxItems',
    'minItems',
  ]);
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => !unwanted.has(key))
        .map(([key, inner]) => [key, strip(inner)]),
    );
  };
  return z.record(z.string(), z.unknown()).parse(strip(z.toJSONSchema(schema)));
}
