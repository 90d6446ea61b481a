import { readFile } from 'node:fs/promises';
import {
  type EvidenceCheck,
  type EvidenceVerification,
  evidenceVerificationSchema,
} from '../../../contracts/packaging-pipeline/verification.ts';
import type { PipelineRow } from '../../../db/models/packaging.ts';
import { type Files, type Judgement, judgeEvidence, type Trust } from '../../../evidence/verify.ts';
import { MissingContentError } from '../../../runtime/content-store/content-store.ts';
import type { ApiDependencies } from '../../context.ts';
import { answer, guarded, problems } from '../../openapi/route.ts';
import { idParams, notFound, OPERATOR_SECURITY, type OperatorRoute } from '../types.ts';

export const verifyEvidence: OperatorRoute = (app, deps, authorize) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/evidence-packs/{id}/verification',
      tags: ['packages'],
      summary: 'Whether an evidence pack holds: the signed document as it lies in the store, check by check',
      description:
        'Trusted are the platform’s own authority and the certificate that is configured for evidence. Whoever does not trust the platform verifies the document elsewhere.',
      security: OPERATOR_SECURITY,
      request: { params: idParams },
      responses: {
        200: answer('What was looked at, and what came of it', evidenceVerificationSchema),
        ...problems(['unauthenticated', 'forbidden', 'not-found']),
      },
    },
    authorize('viewer'),
  );
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const pack = await deps.stores.evidence.find(id);
    const pipeline = pack === undefined ? undefined : await deps.stores.pipelines.row(pack.pipeline_id);
    if (pack === undefined || pipeline === undefined) throw notFound('evidence pack', id);
    return c.json(await judged(deps, pack.sha256, pipeline), 200);
  });
};

async function judged(
  deps: ApiDependencies,
  sha256: string,
  pipeline: PipelineRow,
): Promise<EvidenceVerification> {
  const document = await deps.content.bytes(sha256).catch((error: unknown) => {
    if (error instanceof MissingContentError) return error;
    throw error;
  });
  if (document instanceof MissingContentError) {
    const stored: EvidenceCheck = { check: 'stored', outcome: 'FAILED', reason: document.message };
    return { verified: false, checks: [stored] };
  }
  const reason = `The store holds the ${document.length} bytes that were noted: SHA-256 ${sha256}`;
  const text = document.toString('utf8');
  const judgements = (await trusted(deps)).map((trust) => judgeEvidence(text, trust, filesOf(pipeline)));
  const { verified, checks } = judgements.find(knowsSigner) ?? (judgements[0] as Judgement);
  return { verified, checks: [{ check: 'stored', outcome: 'PASSED', reason }, ...checks] };
}

/** Old documents are signed under the platform's authority also where another certificate is configured by now. */
async function trusted({ authority, config }: ApiDependencies): Promise<Trust[]> {
  const { EUCORA_EVIDENCE_CERTIFICATE_FILE: file } = config;
  const own: Trust = { ca: authority.certificatePem };
  return file === undefined ? [own] : [own, { key: await readFile(file, 'utf8') }];
}

const knowsSigner = ({ checks }: Judgement): boolean =>
  checks.some(({ check, outcome }) => check === 'signer' && outcome === 'PASSED');

/** What the pipeline's row says of the files; a pack that was put in another one's place does not fit it. */
function filesOf(pipeline: PipelineRow): Files {
  const { source_artifact_hash, output_artifact_hash, sbom_hash, scan_results_hash } = pipeline;
  return {
    source: source_artifact_hash,
    ...(output_artifact_hash === null ? {} : { artifact: output_artifact_hash }),
    ...(sbom_hash === null ? {} : { sbom: sbom_hash }),
    ...(scan_results_hash === null ? {} : { scan: scan_results_hash }),
  };
}
