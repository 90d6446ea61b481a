import type { AiCallOutcome, AiProviderName } from '../../contracts/incident/ai.ts';
import type { CredentialCheck } from '../assistant/ports.ts';
import type { AskedAbout } from '../prompts/prompt.ts';

export interface CompletionRequest {
  readonly system: string;
  readonly prompt: string;
  /** The same, as data, for providers that read no prompts. */
  readonly context: AskedAbout;
  readonly temperature: number;
  readonly maxTokens: number;
  /** JSON schema that the answer must fit. */
  readonly schema: { readonly name: string; readonly schema: Record<string, unknown> };
  readonly signal?: AbortSignal | undefined;
}

export interface Completion {
  readonly text: string;
  /** The provider's own word where the answer's schema has none, from 0 to 1. */
  readonly confidence: number | null;
  /** What it says about how it got there. */
  readonly reasoning: string | null;
  readonly provider: AiProviderName;
  /** As the provider names what has answered. */
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly latencyMs: number;
}

/** One who answers. Retries are its own business: callers ask once. */
export interface Provider {
  readonly name: AiProviderName;
  readonly model: string;
  /** Whether asking costs tokens; if not, neither budget nor cache apply. */
  readonly metered: boolean;
  complete(request: CompletionRequest): Promise<Completion>;
  checkCredentials(signal?: AbortSignal): Promise<CredentialCheck>;
}

/** Why there is no answer; the message is for operators and holds no secret. */
export class ProviderError extends Error {
  readonly outcome: AiCallOutcome;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** What came all the same. */
  readonly answer: string | null;

  constructor(
    outcome: AiCallOutcome,
    message: string,
    details: {
      readonly inputTokens?: number;
      readonly outputTokens?: number;
      readonly answer?: string | null;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, { cause: details.cause });
    this.name = 'ProviderError';
    this.outcome = outcome;
    this.inputTokens = details.inputTokens ?? 0;
    this.outputTokens = details.outputTokens ?? 0;
    this.answer = details.answer ?? null;
  }
}
