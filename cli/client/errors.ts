import type { ErrorCode } from '../../contracts/http/errors.ts';

/** How `eucora` ends; the table in `docs/operations/cli.md` is held against this one by a test. */
export const EXIT_CODES = {
  done: { code: 0, meaning: 'done' },
  refused: { code: 1, meaning: 'refused: by the platform (4xx), or a question was answered with no' },
  usage: {
    code: 2,
    meaning: 'wrong use: arguments, files, or it is not known which platform or token to use',
  },
  unavailable: {
    code: 3,
    meaning: 'the platform was not reached or could not answer (network, 429, 5xx); later it may',
  },
  unsuccessful: {
    code: 4,
    meaning:
      'what was watched ended badly: a task not as COMPLETED, a pipeline not as PASSED, an incident not as RESOLVED',
  },
  interrupted: { code: 130, meaning: 'interrupted (Ctrl-C)' },
} as const satisfies Record<string, { code: number; meaning: string }>;

export type ExitReason = keyof typeof EXIT_CODES;

export interface Complaint {
  readonly title: string;
  readonly detail?: string | undefined;
  /** What to do. */
  readonly hint?: string | undefined;
  readonly code?: ErrorCode | undefined;
  readonly correlation_id?: string | undefined;
  /** The values that were not accepted. */
  readonly errors?: readonly { path: string; message: string }[] | undefined;
}

/** Ends a command; told on standard error. */
export class CliError extends Error {
  readonly reason: Exclude<ExitReason, 'done'>;
  readonly complaint: Complaint;

  constructor(reason: Exclude<ExitReason, 'done'>, complaint: Complaint, cause?: unknown) {
    super(complaint.title, cause === undefined ? undefined : { cause });
    this.name = 'CliError';
    this.reason = reason;
    this.complaint = complaint;
  }
}

export function usageError(title: string, hint?: string, cause?: unknown): CliError {
  return new CliError('usage', { title, hint }, cause);
}

export function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}

/** The `code` of a system or undici error, of it or of what caused it. */
export function systemCodeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'cause' in error ? systemCodeOf(error.cause) : undefined;
}
