import { calibrated } from '../classifier/calibration.ts';
import { classifyByRules } from '../classifier/classify.ts';
import { remedyFor } from '../classifier/remedies.ts';
import type { AskedAbout, ClassificationAnswer, SuggestionAnswer } from '../prompts/prompt.ts';
import type { Provider } from './provider.ts';

export const OFFLINE_MODEL = 'rules-1';

/** Answers by rules, with no model and no network, and says so. */
export function offlineProvider(): Provider {
  return {
    name: 'offline',
    model: OFFLINE_MODEL,
    metered: false,
    async complete({ context }) {
      const begun = performance.now();
      const answer = context.purpose === 'classify' ? classify(context) : suggest(context);
      return {
        text: JSON.stringify(answer),
        confidence: answer.confidence,
        reasoning: 'By rules for the wording of installers; no model was asked',
        provider: 'offline',
        model: OFFLINE_MODEL,
        inputTokens: 0,
        outputTokens: 0,
        latencyMs: Math.round(performance.now() - begun),
      };
    },
    checkCredentials: async () => ({
      provider: 'offline',
      ok: true,
      detail: 'Works offline by rules; needs no credentials',
    }),
  };
}

function classify({ failure }: Extract<AskedAbout, { purpose: 'classify' }>): ClassificationAnswer {
  const verdict = classifyByRules(failure);
  return {
    category: verdict.category,
    root_cause: `${verdict.topic?.cause ?? 'No rule knows the wording of this failure'} (by offline rules).`,
    remediation: verdict.topic?.advice ?? 'Read the log for the first error and repair what it names.',
    severity: verdict.severity,
    confidence: calibrated(verdict.certainty),
    evidence: verdict.evidence.slice(0, 5).map((quote) => quote.slice(0, 500)),
  };
}

function suggest({ failure }: Extract<AskedAbout, { purpose: 'suggest' }>): SuggestionAnswer {
  const verdict = classifyByRules(failure);
  const remedy = remedyFor(verdict.topic?.id, failure);
  const advice = verdict.topic?.advice ?? 'Read the log for the first error and repair what it names.';
  return {
    interpreter: failure.platform === 'windows' ? 'powershell' : 'sh',
    script: remedy?.script ?? '',
    explanation: remedy?.explanation ?? `${advice} (No rule has a script for this.)`,
    verification: remedy?.verification ?? '',
    confidence: remedy === undefined ? 0 : calibrated(verdict.certainty),
  };
}
