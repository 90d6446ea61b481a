import type { CreatePipeline } from '../../../contracts/packaging-pipeline/pipeline.ts';
import { createPipelineSchema } from '../../../contracts/packaging-pipeline/pipeline.ts';

/** What a package of one small program may be told; checked and completed as the API does it. */
export const debDescription = (changes: Record<string, unknown> = {}) => ({
  format: 'deb',
  name: 'hello',
  version: '1.0.0',
  maintainer: 'Test <test@example.org>',
  summary: 'says hello',
  source: { type: 'binary', name: 'hello' },
  files: [{ from: 'hello', to: '/usr/bin/hello' }],
  ...changes,
});

export const pipelineRequest = (
  artifact_sha256: string,
  changes: Record<string, unknown> = {},
): Record<string, unknown> => ({
  source: { artifact_sha256 },
  description: debDescription(),
  ...changes,
});

export const parsedRequest = (sha256: string, changes: Record<string, unknown> = {}): CreatePipeline =>
  createPipelineSchema.parse(pipelineRequest(sha256, changes));
