import { createWriteStream } from 'node:fs';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ToolContext } from '../context.ts';
import { refused } from '../errors.ts';
import { externalSigner } from '../keys/external.ts';
import { importSecret, type OpenPgpEntry, signingGpg, withGpgHome } from '../keys/openpgp.ts';
import { runTool } from '../tools/run-tool.ts';
import { type ArMember, arMembers, memberBytes, writeAr } from './ar.ts';

const SIGNATURE = '_gpgorigin';

async function membersOf(file: string): Promise<ArMember[]> {
  const handle = await open(file, 'r');
  try {
    return await arMembers(handle);
  } finally {
    await handle.close();
  }
}

/** The signed part of a deb: its members but signatures, one after the other, as one file. */
async function signedPart(file: string, output: string): Promise<readonly ArMember[]> {
  const members = (await membersOf(file)).filter(({ name }) => !name.startsWith('_gpg'));
  if (members[0]?.name !== 'debian-binary' || members.length !== 3)
    throw refused('unreadable', 'The deb does not consist of debian-binary, control and data');
  const bytes = async function* () {
    for (const member of members) yield* memberBytes(file, member);
  };
  await rm(output, { force: true });
  await pipeline(Readable.from(bytes()), createWriteStream(output, { mode: 0o600 }));
  return members;
}

/** The signature of a deb and what it signs, for a verifier that knows nothing of debs; undefined when unsigned. */
export async function takeDebApart(
  file: string,
  folder: string,
): Promise<{ readonly signed: string; readonly signature: Buffer } | undefined> {
  const signed = join(folder, 'deb-signed-part');
  const found = (await membersOf(file)).find(({ name }) => name === SIGNATURE);
  if (found === undefined || found.size > 2 ** 20) return undefined;
  await signedPart(file, signed);
  const parts: Buffer[] = [];
  for await (const part of memberBytes(file, found)) parts.push(part);
  return { signed, signature: Buffer.concat(parts) };
}

async function gpgSignature(
  ctx: ToolContext,
  secret: Extract<OpenPgpEntry['secret'], { type: 'file' }>,
  fingerprint: string,
  signed: string,
): Promise<Buffer> {
  return withGpgHome(ctx, async (home) => {
    const passphrase = await importSecret(ctx, home, secret);
    const output = join(home, 'signature');
    await runTool(
      ctx,
      'gpg',
      [
        ...signingGpg(home),
        ...passphrase,
        ...[
          '--digest-algo',
          'SHA256',
          '--local-user',
          fingerprint,
          '--output',
          output,
          '--detach-sign',
          signed,
        ],
      ],
      { failure: 'signing-failed', quiet: true },
    );
    return readFile(output);
  });
}

/** Signs a deb, replacing signatures that it has. @throws PackagingError */
export async function signDeb(
  ctx: ToolContext,
  file: string,
  key: { readonly entry: OpenPgpEntry; readonly fingerprint: string },
  output: string,
): Promise<void> {
  const signed = join(ctx.workspace, 'deb-signed-part');
  const members = await signedPart(file, signed);
  const { secret, reference } = key.entry;
  const content =
    secret.type === 'file'
      ? await gpgSignature(ctx, secret, key.fingerprint, signed)
      : await externalSigner(ctx, reference, secret.command)(await readFile(signed));
  await writeAr(output, file, members, { name: SIGNATURE, content });
  await rm(signed);
}
