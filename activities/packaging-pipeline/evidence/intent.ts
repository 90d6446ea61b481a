import type { EvidencePack } from '../../../contracts/packaging-pipeline/evidence.ts';
import type { Stores } from '../../../db/stores/index.ts';
import type { ContentStore } from '../../../runtime/content-store/content-store.ts';
import { readStatement } from './read.ts';
import type { EvidenceSigner } from './signer.ts';

export interface IntentEvidenceOptions {
  readonly stores: Pick<Stores, 'deployments' | 'evidence'>;
  readonly content: ContentStore;
  readonly signer: EvidenceSigner;
}

/**
 * Makes the pack that names a deployment beside all that the pipeline's own pack says, once; the deployment points to
 * it from then on.
 *
 * @throws Error when the deployment or its pipeline's evidence is not there
 */
export async function packForIntent(
  deploymentId: string,
  { stores, content, signer }: IntentEvidenceOptions,
): Promise<EvidencePack> {
  const deployment = await stores.deployments.find(deploymentId);
  if (deployment === undefined) throw new Error(`There is no deployment ${deploymentId}`);
  const { pipeline_id: pipelineId, name, created_by, risk } = deployment;
  const known = await stores.evidence.findFor(pipelineId, deploymentId);
  if (known !== undefined) return known;
  const own = await stores.evidence.findFor(pipelineId, null);
  if (own === undefined) throw new Error(`Pipeline ${pipelineId} has no evidence`);
  const statement = await readStatement(content, own.sha256);
  const intent = { id: deploymentId, description: name, created_by, risk_score: risk.score };
  const predicate = { ...statement.predicate, eucora: { ...statement.predicate.eucora, intent } };
  const { sha256 } = await content.addBytes(signer.seal({ ...statement, predicate }));
  return stores.evidence.add({ sha256, pipelineId, intentId: deploymentId, signer: signer.thumbprint });
}
