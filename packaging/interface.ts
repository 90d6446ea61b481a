import type { PackageDescription } from '../contracts/packaging-pipeline/description.ts';
import type { Scanner } from '../contracts/packaging-pipeline/findings.ts';
import type { SbomFormat } from '../contracts/packaging-pipeline/steps.ts';
import type { ToolContext } from './context.ts';
import type { SigningKeys } from './keys/signing-keys.ts';
import type {
  BuiltPackage,
  PackageFile,
  Sbom,
  Scan,
  SignedPackage,
  StagedSource,
  ToolReport,
  Verification,
} from './results.ts';
import type { SbomOptions } from './sbom/sbom.ts';
import type { TrivyReports } from './scan/trivy-reports.ts';

/**
 * The steps in their order. Each may be run again in the same workspace: it clears what an earlier try left of its
 * own outcome. All throw PackagingError, or the signal's reason when aborted.
 */
export interface PackagingTools {
  /** Unpacks the source into `<workspace>/source`, refusing whatever is hostile in it. */
  stageSource(ctx: ToolContext, sourceFile: string, description: PackageDescription): Promise<StagedSource>;
  /** Lays out `<workspace>/tree` and builds `<workspace>/built/<name>`, unsigned. */
  buildPackage(
    ctx: ToolContext,
    source: StagedSource,
    description: PackageDescription,
  ): Promise<BuiltPackage>;
  /** Signs with the newest valid key of a reference, into `<workspace>/signed/<name>`. */
  signPackage(
    ctx: ToolContext,
    built: PackageFile,
    keys: SigningKeys,
    reference: string,
  ): Promise<SignedPackage>;
  /** Has a signed package checked by other programs than the signer's, against the keys that are trusted. */
  verifyPackage(ctx: ToolContext, signed: PackageFile, keys: SigningKeys): Promise<Verification>;
  /** Has Trivy look at the laid-out tree, for SBOM and scan. */
  lookByTrivy(ctx: ToolContext, tree: string): Promise<TrivyReports>;
  /** SBOM of the laid-out tree, into `<workspace>/sbom.<format>.json`. */
  makeSbom(ctx: ToolContext, tree: string, format: SbomFormat, options?: SbomOptions): Promise<Sbom>;
  /** Scan of the laid-out tree, report into `<workspace>/scan.<scanner>.json`. */
  scan(ctx: ToolContext, tree: string, scanner: Scanner, reports?: TrivyReports): Promise<Scan>;
  /** Which programs this worker has, for evidence. */
  toolVersions(ctx: ToolContext): Promise<ToolReport>;
}
