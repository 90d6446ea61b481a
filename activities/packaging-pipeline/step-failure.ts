import { ApplicationFailure } from '@temporalio/common';
import { StoreFullError } from '../../db/stores/artifact/stored-object-store.ts';
import { PackagingError } from '../../packaging/index.ts';
import {
  ArtifactHashError,
  ArtifactTooLargeError,
  MissingContentError,
} from '../../runtime/content-store/content-store.ts';

/** Said instead of what only our own logs should tell. */
const INTERNAL = 'The step failed unexpectedly; the worker’s log tells more.';

/** What an error means to the pipeline: a stable code, words for people, and whether another try may help. */
export function failureOfStep(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof PackagingError) return fail(error.code, error.message, !error.retryable);
  if (error instanceof ArtifactHashError)
    return fail('source-changed', `${error.message}, not the one that was promised.`, true);
  if (error instanceof ArtifactTooLargeError) return fail('limit-exceeded', `${error.message}.`, true);
  if (error instanceof MissingContentError) return fail('content-missing', `${error.message}.`, true);
  if (error instanceof StoreFullError) return fail('store-full', `${error.message}.`, false);
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return fail('out-of-space', 'The disk of the worker is full.', false);
  return fail('internal-error', INTERNAL, false);
}

const fail = (type: string, message: string, nonRetryable: boolean): ApplicationFailure =>
  ApplicationFailure.create({ type, message, nonRetryable });
