import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ContentInfo, SignedData } from '@peculiar/asn1-cms';
import { AsnConvert } from '@peculiar/asn1-schema';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import { writeAuthorities } from '../keys/authorities.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';
import { makeThrowaway } from '../keys/throwaway.ts';
import type { X509Signer } from '../keys/x509-signer.ts';
import { runTool } from '../tools/run-tool.ts';
import { signCms } from './cms.ts';
import { bodyOf } from './der.ts';

/** "Individual code signing", which Authenticode wants to be told among the signed attributes. */
const STATEMENT_TYPE = {
  type: '1.3.6.1.4.1.311.2.1.11',
  value: Buffer.from('300c060a2b060104018237020115', 'hex'),
};
const FAILURE = { failure: 'signing-failed' } as const;

/** A key that signs nothing that is kept. */
async function throwawayKey(ctx: ToolContext): Promise<{ certificate: string; key: string }> {
  const dates = { from: new Date(Date.now() - 60_000), to: new Date(Date.now() + 3_600_000) };
  const made = await makeThrowaway(dates);
  const certificate = join(ctx.workspace, 'throwaway.pem');
  const key = join(ctx.workspace, 'throwaway.key');
  await writeFile(certificate, made.certificate, { mode: 0o600 });
  await writeFile(key, made.key, { mode: 0o600 });
  return { certificate, key };
}

/**
 * What Authenticode signs of a file, as osslsigncode counts it. Not all its versions tell that by itself, but it
 * stands in every signature: also in one of a key that nobody trusts.
 */
async function indirectData(
  ctx: ToolContext,
  file: string,
): Promise<{ type: string; der: Buffer; hashed: Buffer }> {
  const signed = join(ctx.workspace, 'throwaway.msi');
  const data = join(ctx.workspace, 'throwaway.p7');
  for (const path of [data, signed]) await rm(path, { force: true });
  const { certificate, key } = await throwawayKey(ctx);
  const sign = ['sign', '-h', 'sha256', '-add-msi-dse', '-certs', certificate, '-key', key];
  await runTool(ctx, 'osslsigncode', [...sign, '-in', file, '-out', signed], FAILURE);
  await runTool(ctx, 'osslsigncode', ['extract-signature', '-in', signed, '-out', data], FAILURE);
  const info = AsnConvert.parse(await readFile(data), ContentInfo);
  const { encapContentInfo } = AsnConvert.parse(info.content, SignedData);
  for (const path of [data, signed, certificate, key]) await rm(path);
  const any = encapContentInfo.eContent?.any;
  if (any === undefined) throw new PackagingError('signing-failed', 'osslsigncode told nothing to sign');
  const der = Buffer.from(any);
  return { type: encapContentInfo.eContentType, der, hashed: bodyOf(der) };
}

async function addTimestamp(ctx: ToolContext, url: string, file: string, output: string): Promise<void> {
  await runTool(
    ctx,
    'osslsigncode',
    ['add', '-ts', url, '-h', 'sha256', '-add-msi-dse', '-in', file, '-out', output],
    {
      network: true,
      failure: 'unreachable',
    },
  );
}

/** Signs an msi by Authenticode, replacing a signature that it has. @returns whether it carries a timestamp */
export async function signMsi(
  ctx: ToolContext,
  file: string,
  signer: X509Signer,
  keys: SigningKeys,
  output: string,
): Promise<boolean> {
  const signature = join(ctx.workspace, 'authenticode.p7');
  const signed = join(ctx.workspace, 'authenticode.msi');
  const authorities = join(ctx.workspace, 'authenticode.ca');
  for (const path of [signature, signed]) await rm(path, { force: true });
  // What is attached is checked on the way.
  await writeAuthorities(keys, authorities);
  await writeFile(
    signature,
    await signCms(await indirectData(ctx, file), signer, new Date(), [STATEMENT_TYPE]),
  );
  const url = ctx.settings.timestampUrl;
  const attached = url === undefined ? output : signed;
  await runTool(
    ctx,
    'osslsigncode',
    [
      'attach-signature',
      '-add-msi-dse',
      '-CAfile',
      authorities,
      '-sigin',
      signature,
      '-in',
      file,
      '-out',
      attached,
    ],
    FAILURE,
  );
  if (url === undefined) return false;
  await addTimestamp(ctx, url, signed, output);
  await rm(signed);
  return true;
}
