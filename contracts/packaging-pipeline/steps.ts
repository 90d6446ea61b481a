import type { Platform } from '../agent/agent.ts';

/** Plain values that workflows may import: no zod here. */

export const PIPELINE_STATUSES = ['PENDING', 'BUILDING', 'SIGNING', 'SCANNING', 'PASSED', 'FAILED'] as const;
export type PipelineStatus = (typeof PIPELINE_STATUSES)[number];

export const isEnded = (status: PipelineStatus): boolean => status === 'PASSED' || status === 'FAILED';

/** In the order of the story; `sbom` and `scan` run side by side. */
export const PIPELINE_STEPS = [
  'fetch',
  'build',
  'sign',
  'verify',
  'sbom',
  'scan',
  'policy',
  'store',
  'evidence',
] as const;
export type PipelineStep = (typeof PIPELINE_STEPS)[number];

export const STEP_STATUSES = ['RUNNING', 'DONE', 'FAILED'] as const;
export type StepStatus = (typeof STEP_STATUSES)[number];

/** What the pipeline's status is while a step runs. */
export const STATUS_OF_STEP: Readonly<Record<PipelineStep, PipelineStatus>> = {
  fetch: 'BUILDING',
  build: 'BUILDING',
  sign: 'SIGNING',
  verify: 'SIGNING',
  sbom: 'SCANNING',
  scan: 'SCANNING',
  policy: 'SCANNING',
  store: 'SCANNING',
  evidence: 'SCANNING',
};

export const PLATFORM_OF_FORMAT = {
  deb: 'linux',
  rpm: 'linux',
  msi: 'windows',
  pkg: 'macos',
} as const satisfies Record<string, Platform>;

export const SBOM_FORMATS = ['cyclonedx', 'spdx'] as const;
export type SbomFormat = (typeof SBOM_FORMATS)[number];

/** Why a pipeline failed. `cancelled` and `lost` come from outside of its steps. */
export interface PipelineFailure {
  readonly step: PipelineStep | null;
  /** Stable, in lower case with hyphens: `policy-refused`, `build-failed`, `cancelled` … */
  readonly code: string;
  /** For people; never holds secrets. */
  readonly message: string;
}
