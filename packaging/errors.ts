/**
 * - `source-refused`: the source is hostile or not what the description says; `details.reason` tells which
 * - `build-failed`, `signing-failed`, `verification-failed`, `scan-failed`: a tool or check said no
 * - `key-unusable`: no key of that reference, none that is valid now, or one that cannot be read
 * - `scan-database`: the scanner's database is missing or older than allowed
 * - `tool-missing`: a program is not installed; the message says how to get it
 * - `worker-busy`: the machine could not start a program, try a sandbox, or write a file, just now
 * - `limit-exceeded`: time, memory or size
 * - `isolation-unavailable`: tools must be cut off from the network here, and cannot be
 * - `out-of-space`: the disk is full
 * - `unreachable`: a timestamp server or database source did not answer
 */
export const PACKAGING_ERROR_CODES = [
  'source-refused',
  'build-failed',
  'signing-failed',
  'verification-failed',
  'scan-failed',
  'key-unusable',
  'scan-database',
  'tool-missing',
  'worker-busy',
  'limit-exceeded',
  'isolation-unavailable',
  'out-of-space',
  'unreachable',
] as const;
export type PackagingErrorCode = (typeof PACKAGING_ERROR_CODES)[number];

/** What may succeed on another try or another worker, without anybody changing the package. */
const RETRYABLE: ReadonlySet<PackagingErrorCode> = new Set(['out-of-space', 'unreachable', 'worker-busy']);

/** A packaging step that did not succeed. The message is for people: it says what to do and holds no secrets. */
export class PackagingError extends Error {
  override readonly name = 'PackagingError';
  readonly code: PackagingErrorCode;
  /** A stable word for the finer reason, such as `path-traversal`; for `source-refused` always there. */
  readonly reason: string | undefined;

  constructor(
    code: PackagingErrorCode,
    message: string,
    options: { readonly reason?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = options.reason;
  }

  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }
}

const DISK_FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);
/** The machine has no room for one more just now, or trouble with its disk; all else stays as it is. */
const NO_ROOM: ReadonlySet<string> = new Set('EAGAIN EBUSY EIO EMFILE ENFILE ENOMEM ETXTBSY'.split(' '));

/**
 * A system's error as ours where the machine is at fault, and perhaps not in a while; undefined for any other.
 *
 * @param what could not be done, as the begin of a sentence
 */
export function machineTrouble(error: unknown, what: string): PackagingError | undefined {
  const code = String((error as NodeJS.ErrnoException).code);
  if (DISK_FULL.has(code))
    return new PackagingError('out-of-space', `${what}: the disk is full`, { cause: error });
  return NO_ROOM.has(code)
    ? new PackagingError('worker-busy', `${what} just now (${code})`, { cause: error })
    : undefined;
}

/** Why a source is refused, by what was found in it. */
export function refused(reason: string, message: string, cause?: unknown): PackagingError {
  return new PackagingError('source-refused', message, { reason, cause });
}
