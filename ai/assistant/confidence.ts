import type { AiProviderName, ConfidenceParts, Failure } from '../../contracts/incident/ai.ts';
import { calibrated } from '../classifier/calibration.ts';
import { classifyByRules } from '../classifier/classify.ts';
import type { ClassificationAnswer } from '../prompts/prompt.ts';

/** Shares of the parts; the model's own word alone is worth little, agreement with the rules more. */
const SHARES = { model: 0.3, agreement: 0.4, schema_fit: 0.1, evidence: 0.2 } as const;

/** How sure a classification is, and what that is made of. */
export function confidenceOf(
  provider: AiProviderName,
  failure: Failure,
  answer: ClassificationAnswer,
  asks: number,
): { readonly confidence: number; readonly parts: ConfidenceParts } {
  const rules = classifyByRules(failure);
  const probability = calibrated(rules.certainty);
  const parts: ConfidenceParts = {
    model: answer.confidence,
    agreement: rules.category === answer.category ? probability : 1 - probability,
    schema_fit: asks === 1 ? 1 : 0.5,
    evidence: foundShare(answer.evidence, failure),
  };
  // The rules cannot confirm themselves: their word is calibrated, and stands alone.
  const confidence =
    provider === 'offline'
      ? answer.confidence
      : SHARES.model * parts.model +
        SHARES.agreement * parts.agreement +
        SHARES.schema_fit * parts.schema_fit +
        SHARES.evidence * parts.evidence;
  return { confidence: Math.round(confidence * 1_000) / 1_000, parts };
}

function foundShare(quotes: readonly string[], failure: Failure): number {
  const plain = (text: string): string => text.toLowerCase().replace(/\s+/g, ' ').trim();
  const input = plain([failure.error, failure.log, failure.package, failure.exit_code ?? ''].join('\n'));
  const real = quotes.map(plain).filter((quote) => quote !== '');
  return real.length === 0 ? 0 : real.filter((quote) => input.includes(quote)).length / real.length;
}
