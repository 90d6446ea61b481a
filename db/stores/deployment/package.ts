import type { PoolClient } from 'pg';
import type { DeployPayload } from '../../../contracts/agent-task/payload.ts';
import type { PackageRules } from '../../models/deployment.ts';
import type { EvidenceRow, PipelineRow } from '../../models/packaging.ts';

/** A pipeline as something that can be deployed. */
export interface DeployablePackage {
  readonly pipeline: PipelineRow;
  readonly evidence: EvidenceRow | undefined;
  /** Public half of the key that signed it, where the platform knows it. */
  readonly signer: { readonly material: string } | undefined;
  /** Days until the certificate or key that signed it ends; null: never. */
  readonly signing_days_left: number | null;
  /** Why the policy's decision does not hold any more; undefined while it does. */
  readonly lapsed: string | undefined;
}

/** Why no device may be told to install a package, for people; undefined when it may. */
export function objectionTo({ pipeline, lapsed, signer }: DeployablePackage): string | undefined {
  if (pipeline.status !== 'PASSED') return `the pipeline is ${pipeline.status}`;
  return lapsed ?? (signer === undefined ? unknownSigner(pipeline.id) : undefined);
}

/** Of packages that were verified by a worker of before, which noted no keys but those of deb. */
export const unknownSigner = (pipelineId: string): string =>
  `the key that signed it is not known here, so that no device could check it: build the package anew (eucora packages retry ${pipelineId}) and deploy that`;

interface SignerColumns {
  signer_material: string | null;
  signing_days_left: number | null;
}

/** @returns undefined when there is no such pipeline */
export async function readPackage(
  client: PoolClient,
  pipelineId: string,
): Promise<DeployablePackage | undefined> {
  const { rows } = await client.query<PipelineRow & SignerColumns>(
    `SELECT p.*, k.material AS signer_material,
       (extract(epoch FROM (p.signed #>> '{signature,expires_at}')::timestamptz - now()) / 86400)::float8 AS signing_days_left
     FROM packaging_pipeline p LEFT JOIN signing_key k ON k.thumbprint = p.signing_certificate_thumbprint
     WHERE p.id = $1 FOR SHARE OF p`,
    [pipelineId],
  );
  if (rows[0] === undefined) return undefined;
  const { signer_material: material, signing_days_left, ...pipeline } = rows[0];
  const evidence = await client.query<EvidenceRow>(
    'SELECT * FROM evidence_pack WHERE pipeline_id = $1 AND deployment_intent_id IS NULL',
    [pipelineId],
  );
  return {
    pipeline,
    evidence: evidence.rows[0],
    signer: material === null ? undefined : { material },
    signing_days_left,
    lapsed: await lapsedExceptions(client, pipeline),
  };
}

/** A decision that rests on exceptions holds as long as they do. */
async function lapsedExceptions(client: PoolClient, pipeline: PipelineRow): Promise<string | undefined> {
  if (pipeline.exception_ids.length === 0) return undefined;
  const { rows } = await client.query<{ id: string; what: string }>(
    `SELECT wanted.id, CASE WHEN e.id IS NULL THEN 'is gone' WHEN e.revoked_at IS NOT NULL THEN 'was revoked'
       WHEN e.expires_at <= now() THEN 'has expired' ELSE 'was not approved' END AS what
     FROM unnest($1::uuid[]) AS wanted(id) LEFT JOIN policy_exception e ON e.id = wanted.id
     WHERE e.id IS NULL OR e.revoked_at IS NOT NULL OR e.expires_at <= now() OR e.approved_at IS NULL
     ORDER BY wanted.id`,
    [pipeline.exception_ids],
  );
  if (rows.length === 0) return undefined;
  if (await coveredAnew(client, pipeline)) return undefined;
  return `the policy's decision rests on exceptions that no longer hold: ${rows.map(({ id, what }) => `${id} ${what}`).join(', ')}`;
}

/** Whether exceptions that hold now excuse all that those did on which the decision rests: one may have been renewed. */
async function coveredAnew(client: PoolClient, pipeline: PipelineRow): Promise<boolean> {
  const { rows } = await client.query<{ excused: boolean }>(
    `WITH needed AS (
       SELECT DISTINCT unnest(cve_ids) AS cve FROM policy_exception WHERE id = ANY($1::uuid[])
     ), held AS (
       SELECT DISTINCT unnest(cve_ids) AS cve FROM policy_exception
       WHERE package_name = $2 AND (package_version IS NULL OR package_version = $3)
         AND approved_at IS NOT NULL AND revoked_at IS NULL AND expires_at > now()
     )
     SELECT (SELECT count(*) FROM needed) > 0 AND NOT EXISTS (SELECT cve FROM needed EXCEPT SELECT cve FROM held) AS excused`,
    [pipeline.exception_ids, pipeline.package_name, pipeline.package_version],
  );
  return rows.some(({ excused }) => excused);
}

/**
 * What a rollback goes back to: the pipeline of the last deployment of the same package that was completed, else the
 * last one that passed before this one. A version that was packaged anew stands where it stood at first.
 */
export async function findPrevious(client: PoolClient, pipeline: PipelineRow): Promise<string | null> {
  const { rows } = await client.query<{ id: string }>(
    `WITH RECURSIVE version AS (
       SELECT id, id AS root FROM packaging_pipeline WHERE package_name = $1 AND retry_of IS NULL
       UNION ALL
       SELECT again.id, version.root FROM version
       JOIN packaging_pipeline again ON again.retry_of = version.id AND again.package_name = $1
     )
     SELECT p.id FROM version JOIN packaging_pipeline p USING (id)
     LEFT JOIN LATERAL (SELECT max(i.ended_at) AS at FROM deployment_intent i
       WHERE i.pipeline_id = p.id AND i.status IN ('COMPLETED', 'SUPERSEDED')) deployed ON true
     WHERE p.package_name = $1 AND p.format = $2 AND p.status = 'PASSED' AND p.package_version <> $3
       AND version.root < (SELECT root FROM version WHERE id = $4)
       AND EXISTS (SELECT FROM signing_key k WHERE k.thumbprint = p.signing_certificate_thumbprint)
     ORDER BY deployed.at DESC NULLS LAST, version.root DESC, p.id DESC LIMIT 1`,
    [pipeline.package_name, pipeline.format, pipeline.package_version, pipeline.id],
  );
  return rows[0]?.id ?? null;
}

/** The version as the package database of the machine will show it. */
export function installedVersion({ package_version, description }: PipelineRow): string {
  const release = description['release'];
  return typeof release === 'string' ? `${package_version}-${release}` : package_version;
}

/** What an agent is told to install. */
export function installPayload(
  { pipeline, signer }: DeployablePackage,
  rules: PackageRules | undefined,
  deploymentId: string,
): DeployPayload {
  // Nobody could check it on its device, so that it may not get there: whoever asks for a payload looks first.
  if (signer === undefined) throw new Error(`The signer of the pipeline ${pipeline.id} is not known`);
  if (pipeline.output_artifact_hash === null) throw new Error(`The pipeline ${pipeline.id} has no package`);
  return {
    action: 'install',
    package_name: nameOnMachines(pipeline),
    package_version: installedVersion(pipeline),
    format: pipeline.format,
    artifact: {
      sha256: pipeline.output_artifact_hash,
      ...(pipeline.output_artifact_bytes === null
        ? {}
        : { size_bytes: Number(pipeline.output_artifact_bytes) }),
      ...(pipeline.output_artifact_name === null ? {} : { name: pipeline.output_artifact_name }),
    },
    signature: { trusted_keys: [signer.material] },
    ...(rules === undefined ? {} : toldOf(rules)),
    deployment_intent: deploymentId,
  };
}

/** What stands in a task of a package's rules: those that there are. */
const toldOf = ({ detection, requirements, dependencies, replaces }: PackageRules) => ({
  ...(detection === undefined ? {} : { detection }),
  ...(requirements === undefined ? {} : { requirements }),
  ...(dependencies.length === 0 ? {} : { dependencies }),
  ...(replaces.length === 0 ? {} : { replaces }),
});

/** What an agent is told to take away again. */
export function uninstallPayload(pipeline: PipelineRow, deploymentId: string): DeployPayload {
  return {
    action: 'uninstall',
    package_name: nameOnMachines(pipeline),
    package_version: installedVersion(pipeline),
    format: pipeline.format,
    deployment_intent: deploymentId,
  };
}

/**
 * What an agent is told to go back to; or, where there is no version before, to take the current one away. Windows
 * Installer goes back over nothing newer, which the agent takes away by its name: another one than that of the target has to
 * be told.
 */
export function rollbackPayload(
  current: PipelineRow,
  target: DeployablePackage | undefined,
  deploymentId: string,
): DeployPayload {
  if (target === undefined) return uninstallPayload(current, deploymentId);
  const payload = installPayload(target, undefined, deploymentId);
  const package_name = nameOnMachines(current);
  if (current.format !== 'msi' || package_name === payload.package_name) return payload;
  return { ...payload, replaces: [{ package_name, version: installedVersion(current) }] };
}

/** macOS knows packages by their identifier, Windows by the name that it shows. */
function nameOnMachines({ package_name, description }: PipelineRow): string {
  const { identifier, product_name } = description;
  const name = identifier ?? product_name;
  return typeof name === 'string' ? name : package_name;
}
