import { buildPackage } from './build/build.ts';
import type { PackagingTools } from './interface.ts';
import { makeSbom } from './sbom/sbom.ts';
import { scan } from './scan/scan.ts';
import { lookByTrivy } from './scan/trivy-reports.ts';
import { signPackage } from './sign/sign.ts';
import { stageSource } from './source/stage.ts';
import { toolVersions } from './tools/versions.ts';
import { verifyPackage } from './verify/verify.ts';

/** The steps by the real programs of this machine. */
export const packagingTools: PackagingTools = {
  stageSource,
  buildPackage,
  signPackage,
  verifyPackage,
  lookByTrivy,
  makeSbom,
  scan,
  toolVersions,
};
