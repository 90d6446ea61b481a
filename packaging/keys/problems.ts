import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import { openPgpKey } from './openpgp.ts';
import type { SigningKeys } from './signing-keys.ts';
import { expiryWarnings } from './validity.ts';
import { x509Signer } from './x509-signer.ts';

type Entry = SigningKeys['keys'][number];

/** When the key that would sign now ends; undefined: never. @throws PackagingError when there is none */
async function endOf(
  ctx: ToolContext,
  keys: SigningKeys,
  { reference, kind }: Entry,
): Promise<Date | undefined> {
  if (kind === 'openpgp') return (await openPgpKey(ctx, keys, reference)).to;
  const { certificate } = await x509Signer(ctx, keys, reference, kind);
  return new Date(certificate.validTo);
}

/**
 * What is wrong with the signing keys, or will be soon, a sentence each, for people: references without a key that can
 * sign now, and keys that end within the days that the list names.
 */
export async function signingKeyProblems(ctx: ToolContext, keys: SigningKeys): Promise<string[]> {
  const problems: string[] = [];
  const named = new Map(
    keys.keys.map((entry) => [`${entry.kind} key of the reference ${entry.reference}`, entry]),
  );
  for (const [name, entry] of named) {
    try {
      const end = await endOf(ctx, keys, entry);
      problems.push(...expiryWarnings(`The newest ${name}`, end, keys.warnBeforeDays));
    } catch (error) {
      if (!(error instanceof PackagingError)) throw error;
      problems.push(error.message);
    }
  }
  return problems;
}
