import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { EvidenceSigner } from '../../activities/packaging-pipeline/evidence/signer.ts';
import { statementOf } from '../../activities/packaging-pipeline/evidence/statement.ts';
import { parseConfig } from '../../contracts/config.ts';
import type { Database } from '../../db/database.ts';
import type { PipelineRow } from '../../db/models/packaging.ts';
import { createStores } from '../../db/stores/index.ts';
import type { ContentStore } from '../../runtime/content-store/content-store.ts';
import { openContentStore } from '../../runtime/content-store/open.ts';

export interface Package {
  readonly name: string;
  readonly version: string;
}

/** Packages that are prepared at the same time. */
const AT_ONCE = 8;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
/** Who signed them all, as its OpenPGP fingerprint. */
const SIGNER = { thumbprint: sha256('simulated signer').slice(0, 40), subject: 'Simulated signer' } as const;

/**
 * Puts pipelines of debs into a running platform's database as if each had passed: with evidence that the platform's
 * own key signed and its store holds, so that whatever rests on it goes on. Only the packages themselves are not there.
 *
 * @param dataDir of the platform, with its store and the key of its evidence
 * @returns ids of the pipelines, in the order of the packages
 */
export async function preparePackages(
  database: Database,
  dataDir: string,
  packages: readonly Package[],
): Promise<string[]> {
  const config = parseConfig({ DATABASE_URL: 'postgres://the.database.is/open', EUCORA_DATA_DIR: dataDir });
  const stores = createStores(database, config);
  const content = await openContentStore(config, (stored) => stores.storedObjects.admit(stored));
  const keys = join(dataDir, 'packaging', 'keys');
  const signer = await EvidenceSigner.open(join(keys, 'evidence.pem'), join(keys, 'evidence-key.pem'));
  await stores.signingKeys.note({ ...SIGNER, material: 'simulated public key', expires_at: null });
  const ids: string[] = [];
  for (let from = 0; from < packages.length; from += AT_ONCE)
    ids.push(
      ...(await Promise.all(
        packages.slice(from, from + AT_ONCE).map((one) => prepare(database, content, signer, one)),
      )),
    );
  return ids;
}

async function prepare(
  { pool }: Database,
  content: ContentStore,
  signer: EvidenceSigner,
  { name, version }: Package,
): Promise<string> {
  const file = `${name}_${version}-1_amd64.deb`;
  const output = sha256(`${file} ${randomUUID()}`);
  const signature = { ...SIGNER, expires_at: null, timestamped: false, warnings: [] };
  const { rows } = await pool.query<PipelineRow>(
    `INSERT INTO packaging_pipeline (id, package_name, package_version, platform, format, status, source_artifact_hash,
       source_name, description, policy, sbom_format, signing_key, signed, signing_certificate_thumbprint, sbom_hash,
       scan_results_hash, scan_summary, scan_pass, policy_decision, output_artifact_hash, output_artifact_name,
       output_artifact_bytes, correlation_id, created_by, created_at, ended_at)
     VALUES (uuid7(), $1, $2, 'linux', 'deb', 'PASSED', $3, 'simulated.tar.gz', $4, '{}', 'cyclonedx', 'default', $5, $6,
       $7, $8, $9, true, $10, $11, $12, 1000, $1, 'simulator', now(), now())
     RETURNING *`,
    [
      name,
      version,
      sha256(`source of ${file}`),
      JSON.stringify({ name, version, release: '1' }),
      JSON.stringify({ name: file, sha256: output, size_bytes: 1_000, signature }),
      SIGNER.thumbprint,
      sha256(`SBOM of ${file}`),
      sha256(`scan of ${file}`),
      JSON.stringify({ critical: 0, high: 0, medium: 0, low: 0, unknown: 0 }),
      JSON.stringify({
        verdict: 'PASSED',
        policy: 'default',
        rules: [],
        exception_ids: [],
        decided_at: new Date().toISOString(),
      }),
      output,
      file,
    ],
  );
  const pipeline = rows[0] as PipelineRow;
  const statement = statementOf(pipeline, { tools: [], isolation: 'none' }, null, new Date());
  const { sha256: sealed } = await content.addBytes(signer.seal(statement));
  await pool.query(
    `INSERT INTO evidence_pack (id, sha256, pipeline_id, signer_thumbprint, created_at) VALUES (uuid7(), $1, $2, $3, now())`,
    [sealed, pipeline.id, signer.thumbprint],
  );
  return pipeline.id;
}
