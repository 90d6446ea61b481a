import { PackagingError } from '../errors.ts';

export interface Validity {
  readonly from: Date;
  /** Undefined: does not end. */
  readonly to: Date | undefined;
}

const DAY_MS = 86_400_000;

/** The key that began last among those that are valid now. @throws PackagingError that says why there is none */
export function newestValid<T extends Validity>(
  candidates: readonly T[],
  reference: string,
  kind: string,
  now: Date = new Date(),
): T {
  const valid = candidates
    .filter(({ from, to }) => from <= now && (to === undefined || now < to))
    .sort((a, b) => b.from.getTime() - a.from.getTime());
  const [newest] = valid;
  if (newest !== undefined) return newest;
  const ended = candidates.some(({ to }) => to !== undefined && to <= now);
  throw new PackagingError(
    'key-unusable',
    `No ${kind} key of the reference ${reference} is valid now: ${ended ? 'it has expired' : 'it is not valid yet'}`,
    { reason: ended ? 'expired' : 'not-yet-valid' },
  );
}

/** A sentence for each key that ends within so many days. */
export function expiryWarnings(
  what: string,
  to: Date | undefined,
  days: number,
  now: Date = new Date(),
): string[] {
  if (to === undefined) return [];
  const left = (to.getTime() - now.getTime()) / DAY_MS;
  return left > days ? [] : [`${what} ends on ${to.toISOString().slice(0, 10)}, in ${Math.floor(left)} days`];
}
