import type { Config } from '../../contracts/config.ts';
import type {
  AiCall,
  AiProviderName,
  Classification,
  ClassificationResult,
  Failure,
  Finding,
  SuggestionResult,
} from '../../contracts/incident/ai.ts';
import { inspectScript, inspectText } from '../guardrails/index.ts';
import { createRedactor, type Redactor } from '../guardrails/redaction/redactor.ts';
import { PROMPTS } from '../prompts/index.ts';
import type { SuggestionAnswer } from '../prompts/prompt.ts';
import { offlineProvider } from '../providers/offline.ts';
import { azureProvider, compatibleProvider, openAiProvider } from '../providers/openai.ts';
import type { Provider } from '../providers/provider.ts';
import { type Answer, Asking } from './asking.ts';
import { confidenceOf } from './confidence.ts';
import type { Assistant, AssistantDependencies, CallOptions, SuggestionInput } from './ports.ts';

/** What of a log is sent: its end, where the failure is. */
const MAX_LOG = 12_000;
const MAX_ERROR = 8_000;
/** What is redacted is longer, so that no secret is cut in two before it is found. */
const AROUND = 4;

const PROVIDERS: Readonly<Record<AiProviderName, (config: Config) => Provider>> = {
  openai: openAiProvider,
  azure: azureProvider,
  compatible: compatibleProvider,
  offline: offlineProvider,
};

/** An assistant with the providers of the configuration, in its order; throws when one lacks its settings. */
export function createAssistant(config: Config, dependencies: AssistantDependencies): Assistant {
  return assistantOf(
    config.EUCORA_AI_PROVIDERS.map((name) => PROVIDERS[name](config)),
    config,
    dependencies,
  );
}

function assistantOf(
  providers: readonly Provider[],
  config: Config,
  dependencies: AssistantDependencies,
): Assistant {
  const asking = new Asking(providers, dependencies, {
    dailyTokens: config.EUCORA_AI_DAILY_TOKENS,
    maxAnswerTokens: config.EUCORA_AI_MAX_ANSWER_TOKENS,
    breakAfter: 3,
    halfOpenAfterMs: 60_000,
  });
  const threshold = config.EUCORA_AI_CONFIDENCE_THRESHOLD;
  const redactor = (): Redactor => createRedactor({ ipAddresses: config.EUCORA_AI_REDACT_IP_ADDRESSES });

  async function classifyIncident(
    failure: Failure,
    options: CallOptions = {},
  ): Promise<ClassificationResult> {
    const redaction = redactor();
    const redacted = redactedFailure(failure, redaction);
    const calls: AiCall[] = [];
    const answer = await asking.ask(
      PROMPTS.classify,
      { purpose: 'classify', failure: redacted },
      redaction.counts(),
      calls,
      options,
    );
    if (answer === undefined)
      return {
        classification: null,
        confidence_parts: null,
        decision: 'hand_to_person',
        reason: reasonOf(calls),
        calls,
      };
    const { confidence, parts } = confidenceOf(answer.provider, redacted, answer.value, answer.asks);
    const { evidence: _, ...said } = answer.value;
    const confident = confidence >= threshold;
    return {
      classification: { ...said, provider: answer.provider, model: answer.model, confidence },
      confidence_parts: parts,
      decision: confident ? 'suggest' : 'hand_to_person',
      reason: confident
        ? `Confidence ${confidence} reaches the threshold of ${threshold}`
        : `Confidence ${confidence} is below the threshold of ${threshold}`,
      calls,
    };
  }

  async function suggestRemediation(
    input: SuggestionInput,
    options: CallOptions = {},
  ): Promise<SuggestionResult> {
    const redaction = redactor();
    const failure = redactedFailure(input.failure, redaction);
    const { category } = input.classification;
    const asked = {
      purpose: 'suggest' as const,
      failure,
      classification: {
        category,
        root_cause: redaction.redact(input.classification.root_cause),
        remediation: redaction.redact(input.classification.remediation),
      },
      wish: input.wish === undefined ? undefined : redaction.redact(input.wish),
    };
    const calls: AiCall[] = [];
    const answer = await asking.ask(PROMPTS.suggest, asked, redaction.counts(), calls, options);
    if (answer === undefined) return { status: 'none', reason: reasonOf(calls), calls };
    if (answer.value.script.trim() === '') return { status: 'none', reason: answer.value.explanation, calls };
    return judged(answer, input.failure, input.classification, calls);
  }

  return {
    classifyIncident,
    suggestRemediation,
    checkCredentials: (signal) => Promise.all(providers.map((provider) => provider.checkCredentials(signal))),
  };
}

function redactedFailure(failure: Failure, redaction: Redactor): Failure {
  return {
    ...failure,
    package: redaction.redact(failure.package),
    error: redaction.redact(failure.error.slice(0, MAX_ERROR * AROUND)).slice(0, MAX_ERROR),
    log: redaction.redact(failure.log.slice(-MAX_LOG * AROUND)).slice(-MAX_LOG),
  };
}

function reasonOf(calls: readonly AiCall[]): string {
  const last = calls.at(-1);
  return last === undefined
    ? 'No provider is configured'
    : `No provider gave a usable answer; ${last.provider}: ${last.error ?? last.outcome}`;
}

/** A suggestion that passes the guardrails, or what they have against it. */
function judged(
  answer: Answer<SuggestionAnswer>,
  failure: Failure,
  classification: Classification,
  calls: AiCall[],
): SuggestionResult {
  const { script, verification, explanation, interpreter, confidence } = answer.value;
  const { platform } = failure;
  const findings: Finding[] = [
    ...inspectScript(script, interpreter),
    ...(verification.trim() === '' ? [] : inspectScript(verification, interpreter)),
    ...inspectText(explanation, platform),
  ];
  const fits =
    platform === 'windows'
      ? interpreter === 'powershell' || interpreter === 'cmd'
      : interpreter === 'sh' || interpreter === 'bash';
  if (!fits)
    findings.push({
      code: 'wrong_interpreter',
      message: `${interpreter} does not exist on ${platform}`,
      excerpt: interpreter,
    });
  if (findings.length > 0) return { status: 'blocked', findings, explanation, calls };
  return {
    status: 'suggested',
    suggestion: {
      platform,
      interpreter,
      script,
      explanation,
      verification,
      provider: answer.provider,
      model: answer.model,
      confidence: Math.round(Math.min(confidence, classification.confidence) * 1_000) / 1_000,
    },
    calls,
  };
}
