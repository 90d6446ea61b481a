import type {
  AiProviderName,
  ClassificationResult,
  Failure,
  SuggestionResult,
} from '../../contracts/incident/ai.ts';

/** Where answers are kept, so that the same failure is not asked about twice. Keys are hashes, values redacted. */
export interface AnswerCache {
  get(key: string): Promise<string | undefined>;
  put(key: string, answer: string): Promise<void>;
}

/** Tokens that may be spent a day (UTC), a provider. Must hold over all workers. */
export interface TokenLedger {
  /** Takes `tokens` from today's budget if all of them are left; answers whether it did. */
  reserve(provider: AiProviderName, tokens: number, dailyLimit: number): Promise<boolean>;
  /** Replaces a reservation by what was really used. */
  settle(provider: AiProviderName, reserved: number, used: number): Promise<void>;
}

export interface AssistantDependencies {
  readonly cache: AnswerCache;
  readonly ledger: TokenLedger;
  readonly now: () => Date;
}

export interface CallOptions {
  /** Ends all waiting; calls that were made until then are lost. */
  readonly signal?: AbortSignal;
  /** Asks anew instead of taking the answer from the cache. */
  readonly fresh?: boolean;
  /** Of the failure: answers are kept for all failures that have the same one. */
  readonly fingerprint?: string;
}

/** One device's failure and what a person wrote beside it, when they ask again. */
export interface SuggestionInput {
  readonly failure: Failure;
  readonly classification: NonNullable<ClassificationResult['classification']>;
  /** The person's wish: what to do otherwise. */
  readonly wish?: string;
}

export interface CredentialCheck {
  readonly provider: AiProviderName;
  readonly ok: boolean;
  /** For operators; names no secret. */
  readonly detail: string;
}

export interface Assistant {
  /** Never throws for what a provider did: then the decision is `hand_to_person`. */
  classifyIncident(failure: Failure, options?: CallOptions): Promise<ClassificationResult>;
  /** Never throws for what a provider did: then the status is `none`. */
  suggestRemediation(input: SuggestionInput, options?: CallOptions): Promise<SuggestionResult>;
  /** Asks each configured provider whether it takes our credentials. */
  checkCredentials(signal?: AbortSignal): Promise<CredentialCheck[]>;
}
