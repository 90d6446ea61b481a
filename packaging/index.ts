/**
 * The packaging tools: functions that take a workspace folder and typed input. They know nothing of Temporal and
 * Postgres; activities/packaging-pipeline/ makes pipelines of them.
 */

export { buildPackage } from './build/build.ts';
export { DEFAULT_LIMITS, type ToolContext, type ToolLimits } from './context.ts';
export { PACKAGING_ERROR_CODES, PackagingError, type PackagingErrorCode } from './errors.ts';
export type { PackagingTools } from './interface.ts';
export { DEVELOPMENT_REFERENCE, ensureDevelopmentKeys } from './keys/development.ts';
export { signingKeyProblems } from './keys/problems.ts';
export { readSigningKeys, type SigningKeys } from './keys/signing-keys.ts';
export { packagingTools } from './packaging-tools.ts';
export { decidePolicy, type PolicyFacts } from './policy/decide.ts';
export type {
  BuiltPackage,
  PackageFile,
  Sbom,
  Scan,
  Signature,
  SignedPackage,
  StagedSource,
  ToolReport,
  ToolVersion,
  Verification,
} from './results.ts';
export { makeSbom } from './sbom/sbom.ts';
export { scanDatabaseProblem } from './scan/database.ts';
export { scan } from './scan/scan.ts';
export { lookByTrivy, type TrivyReports } from './scan/trivy-reports.ts';
export type { ScanSettings, ToolSettings } from './settings.ts';
export { signPackage } from './sign/sign.ts';
export { stageSource } from './source/stage.ts';
export { isolationProblem } from './tools/isolation.ts';
export { missingTools } from './tools/toolbox.ts';
export { toolVersions } from './tools/versions.ts';
export { verifyPackage } from './verify/verify.ts';
