import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EvidenceSigner } from '../../../activities/packaging-pipeline/evidence/signer.ts';
import { statementOf } from '../../../activities/packaging-pipeline/evidence/statement.ts';
import type { Finding } from '../../../contracts/packaging-pipeline/findings.ts';
import type { World } from '../../api/support/world.ts';
import { REPORT } from './rows.ts';
import { debDescription, pipelineRequest } from './samples.ts';

/** A finding of these fields; the others are as a scanner would give them. */
export const aFinding = (fields: Partial<Finding> = {}): Finding => ({
  id: 'CVE-2019-10744',
  aliases: ['GHSA-jf85-cpcp-j695'],
  package: 'lodash',
  version: '4.17.4',
  fixed_version: '4.17.12',
  severity: 'CRITICAL',
  source: 'trivy: GitHub Security Advisory npm',
  path: 'package-lock.json',
  title: 'Prototype pollution in defaultsDeep',
  published_at: '2019-07-10T00:00:00.000Z',
  ...fields,
});

export interface Packed {
  readonly id: string;
  readonly packId: string;
  /** Of the signed document. */
  readonly sha256: string;
  readonly document: string;
}

interface PackedOptions {
  readonly name?: string;
  readonly findings?: readonly Finding[];
  readonly exceptionIds?: readonly string[];
  readonly sbom?: object;
  /** Who signs the evidence, instead of the platform. */
  readonly signer?: { readonly certificate: string; readonly key: string };
}

/** Puts content into the store of a real API. @returns its hash */
export async function keep(world: World, name: string, content: string): Promise<string> {
  const said = await world.operator(`/api/v1/artifacts?name=${name}`, {
    body: Buffer.from(content),
    headers: { 'content-type': 'application/octet-stream' },
  });
  return String(said.body['sha256']);
}

/** A pipeline that passed without its tools: all it leaves is there, signed by the authority of the API's platform. */
export async function packed(world: World, options: PackedOptions = {}): Promise<Packed> {
  const { name = 'hello', findings = [], exceptionIds = [], sbom = { bomFormat: 'CycloneDX' } } = options;
  const { pipelines, findings: findingStore } = world.api.database.stores;
  const source = await keep(world, 'source', `source of ${name}`);
  const output = await keep(world, 'package', `package of ${name}`);
  const made = await world.operator('/api/v1/packaging-pipelines', {
    body: pipelineRequest(source, { description: debDescription({ name }) }),
  });
  const id = String(made.body['id']);
  await pipelines.progress.beginStep(id, 'scan');
  await findingStore.replace(id, findings);
  const count = (severity: string) => findings.filter((one) => one.severity === severity).length;
  await pipelines.progress.endStep(id, 'scan', {
    signed: {
      name: `${name}.deb`,
      sha256: output,
      size_bytes: 10,
      signature: {
        thumbprint: 'a'.repeat(64),
        subject: 'CN=Packager',
        expires_at: null,
        timestamped: false,
        warnings: [],
      },
    },
    sbom_hash: await keep(world, 'sbom', JSON.stringify(sbom)),
    scan_results_hash: await keep(
      world,
      'scan',
      `{"SchemaVersion":2,"ArtifactName":${JSON.stringify(name)}}`,
    ),
    scan_summary: {
      critical: count('CRITICAL'),
      high: count('HIGH'),
      medium: count('MEDIUM'),
      low: count('LOW'),
      unknown: count('UNKNOWN'),
    },
    scan_pass: true,
    policy_decision: {
      verdict: exceptionIds.length > 0 ? 'EXCUSED' : 'PASSED',
      policy: 'default',
      rules: [],
      exception_ids: [...exceptionIds],
      decided_at: new Date().toISOString(),
    },
    exception_ids: [...exceptionIds],
    output_artifact_hash: output,
    output_artifact_name: `${name}.deb`,
    output_artifact_bytes: Buffer.byteLength(`package of ${name}`),
  });
  const row = await pipelines.row(id);
  if (row === undefined) throw new Error('The pipeline is gone');
  const issued = options.signer ?? (await world.api.authority.issueEvidenceCertificate());
  const signer = new EvidenceSigner(issued.certificate, issued.key);
  const document = signer.seal(statementOf(row, REPORT, null, new Date()));
  const sha256 = await keep(world, 'evidence', document);
  await pipelines.progress.pass(id, { sha256, signer: signer.thumbprint });
  const passed = await world.operator(`/api/v1/packaging-pipelines/${id}`);
  return { id, packId: String(passed.body['evidence_id']), sha256, document };
}

/** Writes other bytes into the store's file of that hash, as somebody with access to the disk would. */
export async function overwrite(world: World, sha256: string, content: string): Promise<void> {
  const files = await readdir(world.api.dataDir, { recursive: true, withFileTypes: true });
  const found = files.filter((file) => file.isFile() && join(file.parentPath, file.name).includes(sha256));
  if (found.length === 0) throw new Error(`No file of the store is named ${sha256}`);
  for (const file of found) await writeFile(join(file.parentPath, file.name), content);
}
