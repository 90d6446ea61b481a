import {
  PIPELINE_STEPS,
  type PipelineFailure,
  type PipelineStep,
} from '../../contracts/packaging-pipeline/steps.ts';
import type { StepTiming } from './messages.ts';

const WORDS: Readonly<Record<PipelineStep, string>> = {
  fetch: 'Fetches the source and checks its hash',
  build: 'Builds the package',
  sign: 'Signs the package',
  verify: 'Has the signature checked by another tool',
  sbom: 'Lists what the package holds (SBOM)',
  scan: 'Looks for known weaknesses',
  policy: 'Decides by the policy',
  store: 'Stores the package for agents',
  evidence: 'Signs the evidence',
};

/** What an operator reads in the Temporal Web UI: what is done, what goes on, and how it ended. */
export function describePipeline(
  timings: readonly StepTiming[],
  ending?: 'PASSED' | PipelineFailure,
): string {
  const lines = timings.map(({ step, duration_ms }) =>
    duration_ms === null
      ? `- **${step}**: ${WORDS[step]} …`
      : `- ${step}: ${(duration_ms / 1_000).toFixed(1)} s`,
  );
  return [headline(timings, ending), '', ...lines].join('\n');
}

function headline(timings: readonly StepTiming[], ending?: 'PASSED' | PipelineFailure): string {
  if (ending === 'PASSED') return '**PASSED**: the package is stored, and its evidence is signed.';
  if (ending !== undefined)
    return `**FAILED** (${ending.code})${ending.step === null ? '' : ` in step ${ending.step}`}.`;
  const done = timings.filter(({ duration_ms }) => duration_ms !== null).length;
  return `${done} of ${PIPELINE_STEPS.length} steps are done.`;
}
