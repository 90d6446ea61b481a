import type { PackageFormat } from '../contracts/packaging-pipeline/description.ts';
import type { Component, Finding, Scanner } from '../contracts/packaging-pipeline/findings.ts';
import type { SbomFormat } from '../contracts/packaging-pipeline/steps.ts';

/** The unpacked source: `root` is a folder in the workspace that holds regular files, folders and inner links only. */
export interface StagedSource {
  readonly root: string;
  readonly kind: 'archive' | 'binary' | 'package';
  /** The package itself, where it is to be signed again as it is. */
  readonly original: string | undefined;
  readonly files: number;
  readonly bytes: number;
}

export interface PackageFile {
  readonly format: PackageFormat;
  /** Absolute path in the workspace. */
  readonly file: string;
}

export interface BuiltPackage extends PackageFile {
  /** What is installed, laid out as on the target machine: SBOM and scan look at this. */
  readonly tree: string;
}

export interface Signature {
  /** SHA-256 of the X.509 certificate's DER form, or the OpenPGP fingerprint; lower-case hex. */
  readonly thumbprint: string;
  readonly subject: string;
  /** When the key or certificate ends, ISO 8601; null: never. */
  readonly expires_at: string | null;
  readonly timestamped: boolean;
}

export interface SignedPackage extends PackageFile, Signature {
  /** Such as a certificate that ends soon. */
  readonly warnings: readonly string[];
}

export interface Verification extends Signature {
  /** The programs that vouch for it; never the one that signed. */
  readonly verified_by: readonly string[];
  /** What agents are to trust: the signer's OpenPGP key, armored, or its certificate, PEM. */
  readonly public_key: string;
}

export interface Sbom {
  readonly format: SbomFormat;
  readonly file: string;
  readonly components: readonly Component[];
}

export interface Scan {
  readonly scanner: Scanner;
  /** The scanner's own JSON report, kept as it is. */
  readonly report: string;
  readonly findings: readonly Finding[];
  /** ISO 8601. */
  readonly database_updated_at: string;
}

export interface ToolVersion {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the program. */
  readonly sha256: string;
}

export interface ToolReport {
  readonly tools: readonly ToolVersion[];
  /**
   * How far tools are cut off here. `namespaces`: from the network and other processes; `sandbox`: from the file system
   * outside their workspace as well.
   */
  readonly isolation: 'sandbox' | 'namespaces' | 'none';
}
