import type { SignatureRule } from '../../contracts/agent-task/package-rules.ts';
import { messageOf } from '../log.ts';
import type { Tools } from '../system/tools.ts';
import type { PackageFormat } from './native.ts';
import { verifyMsiSignature, verifyPkgSignature } from './signature-certificate.ts';
import { verifyDebSignature } from './signature-deb.ts';
import { verifyRpmSignature } from './signature-rpm.ts';

type Verify = (path: string, rule: SignatureRule, tools: Tools, scratch: string) => Promise<string>;

const VERIFY: Readonly<Record<PackageFormat, Verify>> = {
  deb: verifyDebSignature,
  rpm: verifyRpmSignature,
  msi: verifyMsiSignature,
  pkg: verifyPkgSignature,
};

/**
 * Has the signature in a package checked by the system's own tool, against the task's keys and no other.
 *
 * @returns who signed it: fingerprint or id of an OpenPGP key, SHA-256 of a certificate
 * @throws Error when it is missing, of another key, wrong, or cannot be checked here
 */
export async function verifySignature(
  format: PackageFormat,
  path: string,
  rule: SignatureRule,
  tools: Tools,
  scratch: string,
): Promise<string> {
  try {
    return await VERIFY[format](path, rule, tools, scratch);
  } catch (error) {
    throw new Error(`Nothing was installed: ${messageOf(error)}`);
  }
}
