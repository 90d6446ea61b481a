import { messageOf } from '../log.ts';
import { isTooLarge, PlatformError } from '../protocol/errors.ts';
import { storable } from '../text.ts';
import type { OutboxRecord, WordRecord } from './records.ts';

/** What the platform says of a body, as against the state of the task or the agent's rights. */
const ABOUT_THE_BODY = new Set(['invalid-request', 'validation-failed', 'payload-too-large']);

const MAX_MESSAGE = 2_000;

/**
 * What is said in place of a task's outcome whose body was refused: the task must end, though without its
 * result. Undefined when `record` is no outcome, or was refused for another reason.
 */
export function shortOutcome(record: OutboxRecord, error: unknown): WordRecord | undefined {
  if (record.kind !== 'word' || (record.word !== 'complete' && record.word !== 'fail')) return undefined;
  if (!(error instanceof PlatformError)) return undefined;
  if (!ABOUT_THE_BODY.has(error.code) && !isTooLarge(error)) return undefined;
  const refusal = `its result was refused (${error.status} ${error.code}: ${messageOf(error)})`;
  const own = record.body['error_message'];
  const message =
    record.word === 'fail' && typeof own === 'string'
      ? `${storable(own, MAX_MESSAGE)} (${refusal})`
      : `The work was done, but ${refusal}`;
  const result = {
    result_refused: true,
    outcome: record.word,
    result_bytes: Buffer.byteLength(JSON.stringify(record.body)),
  };
  return { ...record, word: 'fail', body: { error_message: storable(message, 2 * MAX_MESSAGE), result } };
}
