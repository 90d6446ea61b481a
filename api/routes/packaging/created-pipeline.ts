import type { PipelineDetails } from '../../../contracts/packaging-pipeline/pipeline.ts';
import type { PipelineCreation } from '../../../db/stores/packaging-pipeline/creation.ts';
import type { ApiDependencies } from '../../context.ts';
import { ApiError } from '../../problems.ts';

/** The pipeline that was created, now or before; throws what the caller is told if there is none. */
export async function createdPipeline(
  deps: ApiDependencies,
  creation: PipelineCreation,
): Promise<PipelineDetails> {
  switch (creation.kind) {
    case 'key_reused':
      throw new ApiError('idempotency-conflict', 'Use a new Idempotency-Key for a new pipeline.');
    case 'no_source': {
      const message = 'names no artifact that is in the store: upload it first';
      throw new ApiError('validation-failed', 'The source is not there.', {
        errors: [{ path: 'source.artifact_sha256', message }],
      });
    }
    default: {
      const pipeline = await deps.stores.pipelines.find(creation.pipeline.id);
      if (pipeline === undefined) throw new Error('A pipeline vanished after it was created');
      return pipeline;
    }
  }
}
