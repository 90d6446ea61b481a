import { z } from 'zod';
import {
  type Classification,
  FAILURE_CATEGORIES,
  type Failure,
  SEVERITIES,
} from '../../contracts/incident/ai.ts';

/** What is asked, with all that a provider may use to answer; redacted. */
export type AskedAbout =
  | { readonly purpose: 'classify'; readonly failure: Failure }
  | {
      readonly purpose: 'suggest';
      readonly failure: Failure;
      readonly classification: Pick<Classification, 'category' | 'root_cause' | 'remediation'>;
      readonly wish: string | undefined;
    };

/**
 * One version of one prompt. A version that was used is never edited: calls are recorded with it. A change is a new
 * file, which `index.ts` then names as the current one.
 */
export interface Prompt<Input extends AskedAbout, Answer> {
  readonly name: string;
  readonly version: string;
  readonly system: string;
  /** The text for one input; `mark` wraps what came from a device. */
  readonly render: (input: Input, mark: (label: string, text: string) => string) => string;
  readonly answer: z.ZodType<Answer>;
}

const words = (max: number) => z.string().trim().min(1).max(max);

export const classificationAnswer = z.strictObject({
  category: z.enum(FAILURE_CATEGORIES),
  root_cause: words(2_000),
  remediation: words(4_000),
  severity: z.enum(SEVERITIES),
  confidence: z.number().min(0).max(1),
  /** Parts of the input, word by word. */
  evidence: z.array(z.string().max(500)).max(8),
});
export type ClassificationAnswer = z.infer<typeof classificationAnswer>;

export const suggestionAnswer = z.strictObject({
  interpreter: z.enum(['sh', 'bash', 'powershell', 'cmd']),
  /** Empty when no script can help. */
  script: z.string().max(16_384),
  explanation: words(4_000),
  verification: z.string().max(4_096),
  confidence: z.number().min(0).max(1),
});
export type SuggestionAnswer = z.infer<typeof suggestionAnswer>;
