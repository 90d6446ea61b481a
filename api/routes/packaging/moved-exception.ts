import type { PolicyException } from '../../../contracts/packaging-pipeline/exception.ts';
import type { ExceptionMove } from '../../../db/stores/policy-exception/policy-exception-store.ts';
import { ApiError } from '../../problems.ts';
import { notFound } from '../types.ts';

/** The exception after a word was taken; throws what the caller is told if it was not. */
export function movedException(move: ExceptionMove, id: string): PolicyException {
  switch (move.kind) {
    case 'done':
      return move.exception;
    case 'not_found':
      throw notFound('exception', id);
    case 'own_request':
      throw new ApiError(
        'four-eyes-required',
        'You requested this exception; somebody else has to approve it.',
      );
    case 'refused':
      throw new ApiError('exception-state-conflict', `The exception is ${move.status}.`);
  }
}
