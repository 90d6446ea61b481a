import type { OperatorRoute } from '../types.ts';
import { approveException } from './approve-exception.ts';
import { cancelPipeline } from './cancel-pipeline.ts';
import { cleanStore } from './clean-store.ts';
import { createPipeline } from './create-pipeline.ts';
import { listEvidence } from './list-evidence.ts';
import { listExceptions } from './list-exceptions.ts';
import { listPipelineFindings } from './list-pipeline-findings.ts';
import { listPipelines } from './list-pipelines.ts';
import { requestException } from './request-exception.ts';
import { retryPipeline } from './retry-pipeline.ts';
import { revokeException } from './revoke-exception.ts';
import { showEvidence } from './show-evidence.ts';
import { showEvidenceDocument } from './show-evidence-document.ts';
import { showException } from './show-exception.ts';
import { showPipeline } from './show-pipeline.ts';
import { showPipelineDecision } from './show-pipeline-decision.ts';
import { showPipelineSbom, showPipelineScan } from './show-pipeline-documents.ts';
import { showPipelineLog } from './show-pipeline-log.ts';
import { showPipelinePackage } from './show-pipeline-package.ts';
import { showStore } from './show-store.ts';
import { verifyEvidence } from './verify-evidence.ts';

/** Pipelines, evidence, exceptions and the store. */
export const packagingRoutes: readonly OperatorRoute[] = [
  createPipeline,
  listPipelines,
  showPipeline,
  cancelPipeline,
  retryPipeline,
  showPipelineLog,
  showPipelineSbom,
  showPipelineScan,
  listPipelineFindings,
  showPipelineDecision,
  showPipelinePackage,
  listEvidence,
  showEvidence,
  showEvidenceDocument,
  verifyEvidence,
  requestException,
  listExceptions,
  showException,
  approveException,
  revokeException,
  showStore,
  cleanStore,
];
