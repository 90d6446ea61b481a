import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import type { OpenPgpKey } from '../keys/openpgp.ts';
import { armoredKey, exportKey, trustedKeyring } from '../keys/public-keys.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';
import { takeDebApart } from '../sign/deb.ts';
import { runTool } from '../tools/run-tool.ts';
import { emptyFolder } from './folder.ts';

const FAILURE = { failure: 'verification-failed' } as const;

const policy = (id: string): string => `<?xml version="1.0"?>
<!DOCTYPE Policy SYSTEM "https://www.debian.org/debsig/1.0/policy.dtd">
<Policy xmlns="https://www.debian.org/debsig/1.0/">
  <Origin Name="EUCORA" id="${id}" Description="EUCORA"/>
  <Selection><Required Type="origin" File="trusted.gpg" id="${id}"/></Selection>
  <Verification MinOptional="0"><Required Type="origin" File="trusted.gpg" id="${id}"/></Verification>
</Policy>
`;

/** The key that a detached signature is of, as gpgv says. */
async function checkDetached(
  ctx: ToolContext,
  keyring: string,
  trusted: readonly OpenPgpKey[],
  parts: { readonly signed: string; readonly signature: Buffer },
): Promise<OpenPgpKey> {
  const signature = join(ctx.workspace, 'verify', 'signature');
  await writeFile(signature, parts.signature, { mode: 0o600 });
  const { stdout } = await runTool(
    ctx,
    'gpgv',
    ['--status-fd', '1', '--keyring', keyring, signature, parts.signed],
    { ...FAILURE, quiet: true },
  );
  // The first field is what signed, the last one the primary key.
  const [, signedBy, fingerprint] =
    /^\[GNUPG:\] VALIDSIG ([0-9A-F]{40,64}) .*\b([0-9A-F]{40,64})$/m.exec(stdout) ?? [];
  const key = trusted.find((candidate) => candidate.fingerprint === fingerprint?.toLowerCase());
  if (key === undefined || /^\[GNUPG:\] (EXPKEYSIG|EXPSIG|REVKEYSIG)\b/m.test(stdout))
    throw new PackagingError(
      'verification-failed',
      'The deb’s signature is of a key that has ended or is not trusted',
      {
        reason: 'key',
      },
    );
  if (signedBy !== fingerprint)
    throw new PackagingError(
      'verification-failed',
      'The deb is signed by a subkey, which debsig-verify does not look at: use a key that signs by itself',
      { reason: 'subkey' },
    );
  return key;
}

/** @returns the key that signed it, also armored. @throws PackagingError `verification-failed` */
export async function verifyDeb(
  ctx: ToolContext,
  file: string,
  keys: SigningKeys,
): Promise<OpenPgpKey & { readonly armored: string }> {
  const folder = await emptyFolder(ctx);
  const parts = await takeDebApart(file, folder);
  if (parts === undefined)
    throw new PackagingError('verification-failed', 'The deb is not signed', { reason: 'unsigned' });
  const keyring = join(folder, 'trusted.gpg');
  const trusted = await trustedKeyring(ctx, keys, folder, keyring);
  const key = await checkDetached(ctx, keyring, trusted, parts);
  const id = key.fingerprint.slice(-16).toUpperCase();
  for (const kind of ['policies', 'keyrings']) await mkdir(join(folder, kind, id), { recursive: true });
  await writeFile(join(folder, 'policies', id, 'eucora.pol'), policy(id));
  // It takes a keyring's first key for the only one.
  await exportKey(ctx, keyring, key.fingerprint, join(folder, 'keyrings', id, 'trusted.gpg'));
  await runTool(
    ctx,
    'debsig-verify',
    ['--policies-dir', join(folder, 'policies'), '--keyrings-dir', join(folder, 'keyrings'), file],
    FAILURE,
  );
  return { ...key, armored: await armoredKey(ctx, keyring, key.fingerprint) };
}
