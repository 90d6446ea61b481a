import { Context } from '@temporalio/activity';
import { packageDescriptionSchema, packageFileName } from '../../contracts/packaging-pipeline/description.ts';
import type { Severity } from '../../contracts/packaging-pipeline/findings.ts';
import { type PolicyDecision, packagingPolicySchema } from '../../contracts/packaging-pipeline/policy.ts';
import type { PipelineFailure } from '../../contracts/packaging-pipeline/steps.ts';
import { packagingPipelineWorkflowId } from '../../contracts/temporal.ts';
import type { Stores } from '../../db/stores/index.ts';
import type { PolicyFacts } from '../../packaging/index.ts';
import type { ContentStore } from '../../runtime/content-store/content-store.ts';
import { alive } from '../alive.ts';
import { packForIntent } from './evidence/intent.ts';
import type { EvidenceSigner } from './evidence/signer.ts';
import { statementOf } from './evidence/statement.ts';
import type { Production } from './production.ts';
import type { StepRunner, StepWork } from './step-runner.ts';
import { countFindings, refusalOf, scanPasses } from './verdict.ts';
import type { Workspaces } from './workspace.ts';

export interface PackagingOptions {
  readonly stores: Pick<
    Stores,
    'artifacts' | 'deployments' | 'evidence' | 'findings' | 'pipelines' | 'policyExceptions' | 'signingKeys'
  >;
  readonly content: ContentStore;
  readonly steps: StepRunner;
  readonly production: Production;
  readonly workspaces: Workspaces;
  readonly signer: EvidenceSigner;
  readonly decide: (facts: PolicyFacts) => PolicyDecision;
  /** Severities that no policy lets through. */
  readonly policyFloor: readonly Severity[];
}

export type PackagingPipelineActivities = ReturnType<typeof packagingPipelineActivities>;

/** The steps of a pipeline. Each may be run again, by this worker or another one, and comes to the same outcome. */
export function packagingPipelineActivities(options: PackagingOptions) {
  const { stores, content, steps, production, workspaces, signer } = options;
  return {
    async fetchSource(id: string): Promise<void> {
      await steps.run(id, 'fetch', async (work) => {
        await production.staged(work);
        return done;
      });
    },

    async buildPackage(id: string): Promise<void> {
      await steps.run(id, 'build', async (work) => {
        await production.built(work);
        return done;
      });
    },

    /** Kept in the store at once: were it signed again, there would be two packages with one name. */
    async signPackage(id: string): Promise<void> {
      await steps.run(id, 'sign', async (work) => {
        const { file, format: _, ...signature } = await production.signed(work);
        for (const warning of signature.warnings) work.log(`warning: ${warning}`);
        const { sha256, sizeBytes } = await content.addFile(file);
        const name = packageFileName(packageDescriptionSchema.parse(work.pipeline.description));
        return {
          outcome: {
            signed: { name, sha256, size_bytes: sizeBytes, signature },
            signing_certificate_thumbprint: signature.thumbprint,
          },
          answer: undefined,
        };
      });
    },

    async verifyPackage(id: string): Promise<void> {
      await steps.run(id, 'verify', async (work) => {
        const { verified_by, public_key, thumbprint, subject, expires_at } = await production.verified(work);
        // Agents are told whom to trust, and risk is judged by how long the key still lasts.
        await stores.signingKeys.note({ thumbprint, material: public_key, subject, expires_at });
        work.log(`verified by ${verified_by.join(', ')}`);
        return done;
      });
    },

    async makeSbom(id: string): Promise<void> {
      await steps.run(id, 'sbom', async (work) => {
        const { file, components } = await production.sbom(work);
        work.log(`${components.length} components`);
        const { sha256 } = await content.addFile(file);
        return { outcome: { sbom_hash: sha256 }, answer: undefined };
      });
    },

    async scanPackage(id: string): Promise<void> {
      await steps.run(id, 'scan', async (work) => {
        const { report, findings, database_updated_at } = await production.scan(work);
        const { sha256 } = await content.addFile(report);
        await stores.findings.replace(id, findings);
        const scan_summary = countFindings(findings);
        work.log(`${findings.length} findings, by a database of ${database_updated_at}`);
        return {
          outcome: { scan_results_hash: sha256, scan_summary, scan_pass: scanPasses(scan_summary) },
          answer: undefined,
        };
      });
    },

    /** @returns null when the package may go on, else why it may not, for people */
    decidePolicy(id: string): Promise<string | null> {
      return steps.run(id, 'policy', async (work) => {
        const decision = await decide(work);
        for (const { rule, outcome, reason } of decision.rules) work.log(`${rule}: ${outcome}. ${reason}`);
        return {
          outcome: { policy_decision: decision, exception_ids: decision.exception_ids },
          answer: refusalOf(decision),
        };
      });
    },

    /** From here on agents may download the package. */
    async storePackage(id: string): Promise<void> {
      await steps.run(id, 'store', async ({ pipeline, log }) => {
        const { signed } = pipeline;
        if (signed === null) throw new Error('There is no signed package');
        const { sha256, name, size_bytes } = signed;
        // What is handed out is what was signed, checked where it lies.
        await content.check(sha256);
        await stores.artifacts.add(
          { sha256, name, sizeBytes: size_bytes },
          { type: 'workflow', id: packagingPipelineWorkflowId(id) },
          pipeline.correlation_id,
        );
        log(`${name}: SHA-256 ${sha256}`);
        return {
          outcome: {
            output_artifact_hash: sha256,
            output_artifact_name: name,
            output_artifact_bytes: size_bytes,
          },
          answer: undefined,
        };
      });
    },

    /** The last step: evidence and the word PASSED come together. */
    async packEvidence(id: string): Promise<void> {
      // Tried again after it had succeeded, and the worker died before it could say so.
      if ((await stores.pipelines.row(id))?.status === 'PASSED') return workspaces.of(id).remove();
      await steps.run(id, 'evidence', async (work) => {
        const statement = statementOf(work.pipeline, await production.toolReport(work), null, new Date());
        const { sha256 } = await content.addBytes(signer.seal(statement));
        work.log(`evidence: SHA-256 ${sha256}`);
        await work.flush();
        await stores.pipelines.progress.pass(id, { sha256, signer: signer.thumbprint });
        return done;
      });
      await workspaces.of(id).remove();
    },

    /** The pack of a deployment; answered with its id alone, which is all that its workflow may know. */
    packIntentEvidence(deploymentId: string): Promise<string> {
      return alive(async () => (await packForIntent(deploymentId, { stores, content, signer })).id);
    },

    endPipeline(id: string, failure: PipelineFailure): Promise<void> {
      return alive(async () => {
        await stores.pipelines.progress.fail(id, failure);
        await stores.pipelines.logs.append(id, `pipeline: FAILED (${failure.code})\n`);
        Context.current().log.info('A pipeline failed', { pipeline_id: id, code: failure.code });
        await workspaces.of(id).remove();
      });
    },
  };

  async function decide(work: StepWork): Promise<PolicyDecision> {
    const { pipeline } = work;
    const [{ findings }, { components }, signature] = await Promise.all([
      production.scan(work),
      production.sbom(work),
      production.verified(work),
    ]);
    return options.decide({
      policy: packagingPolicySchema.parse(pipeline.policy),
      floor: options.policyFloor,
      findings,
      components,
      signature,
      format: pipeline.format,
      exceptions: await stores.policyExceptions.findInForce(pipeline.package_name, pipeline.package_version),
      released_at: packageDescriptionSchema.parse(pipeline.description).third_party?.released_at,
      now: new Date(),
    });
  }
}

const done = { answer: undefined };
