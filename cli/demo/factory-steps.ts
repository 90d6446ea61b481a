import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type PipelineDetails,
  pipelineDetailsSchema,
  troubleInWords,
} from '../../contracts/packaging-pipeline/pipeline.ts';
import type { Io } from '../client/io.ts';
import { upload } from './artifacts.ts';
import { eucora } from './operator.ts';
import { LODASH, PROGRAM_FORMATS, type ProgramFormat, programDescription, programSource } from './program.ts';
import type { Scene } from './scene.ts';
import { DemoError, until } from './teller.ts';

const PIPELINE_MS = 240_000;

/** Packages one version for the formats given, side by side. @returns the pipelines as they ended, in that order */
export async function packageVersion(
  scene: Scene,
  version: string,
  lodash: string,
  formats: readonly ProgramFormat[],
): Promise<PipelineDetails[]> {
  const { sha256 } = await upload(scene.api, await programSource(scene.folder, version, lodash));
  scene.teller.fact(`Uploaded the source of ${version} with lodash ${lodash}, SHA-256 ${sha256}`);
  const begun: PipelineDetails[] = [];
  for (const format of formats) {
    const request = { source: { artifact_sha256: sha256 }, description: programDescription(format, version) };
    begun.push(
      await scene.api.post('/packaging-pipelines', pipelineDetailsSchema, request, { repeatable: true }),
    );
  }
  return Promise.all(begun.map(({ id, format }) => ended(scene, id, format)));
}

async function ended(scene: Scene, id: string, format: string): Promise<PipelineDetails> {
  let trouble = '';
  const what = () => `the ${format} pipeline ends${trouble === '' ? '' : ` (${trouble})`}`;
  const pipeline = await until(what, PIPELINE_MS, scene.signal, async () => {
    const read = await scene.api.get(`/packaging-pipelines/${id}`, pipelineDetailsSchema);
    if (read.ended_at !== null) return read;
    const now = waitsFor(read);
    if (now !== trouble && read.last_error !== null) scene.teller.fact(`${format} is not done yet: ${now}`);
    trouble = now;
    return undefined;
  });
  const steps = pipeline.steps.map(({ step, duration_ms }) => `${step} ${duration_ms ?? '?'} ms`);
  scene.teller.fact(`${pipeline.status}: ${format}, ${steps.join(', ')}`);
  return pipeline;
}

/** What keeps a pipeline that has not ended, as far as it is known. */
function waitsFor({ status, last_error }: PipelineDetails): string {
  if (last_error !== null) return troubleInWords(last_error);
  return status === 'PENDING' ? 'no packaging worker has begun it' : '';
}

/** One version for Linux, Windows and macOS: built, signed, verified, scanned and kept. @returns the deb's pipeline */
export async function packageForAll(scene: Scene, version: string): Promise<PipelineDetails> {
  const pipelines = await packageVersion(scene, version, LODASH.mended, PROGRAM_FORMATS);
  for (const { status, failure_message, format } of pipelines)
    if (status !== 'PASSED') throw new DemoError(`the ${format} did not pass: ${failure_message}`);
  for (const { output_artifact_name, output_artifact_bytes, signing_certificate_thumbprint } of pipelines)
    scene.teller.fact(
      `${output_artifact_name}, ${output_artifact_bytes} bytes, signed by ${signing_certificate_thumbprint}`,
    );
  const [deb] = pipelines;
  if (deb === undefined) throw new DemoError('there is no deb');
  return deb;
}

/** The same program with a dependency of which a weakness is known: the policy keeps it out of the store. */
export async function stoppedByCve(scene: Scene, version: string): Promise<void> {
  const [pipeline] = await packageVersion(scene, version, LODASH.weak, ['deb']);
  if (pipeline?.status !== 'FAILED' || pipeline.failure_step !== 'policy')
    throw new DemoError(`it ended ${pipeline?.status} in ${pipeline?.failure_step ?? 'no step'}`);
  const rule = pipeline.policy_decision?.rules.find(({ outcome }) => outcome === 'FAILED');
  if (rule === undefined) throw new DemoError('the decision names no rule');
  scene.teller.fact(`Stopped by ${rule.rule}: ${rule.reason} (${rule.findings.join(', ')})`);
  if (pipeline.output_artifact_hash !== null) throw new DemoError('agents could download it all the same');
  scene.teller.fact('No agent can download it; an exception by a second person could excuse it until a date');
}

/** The evidence is verified without the platform, with the files that it speaks of; then with a byte changed. */
export async function verifyEvidence(scene: Scene, io: Io, pipeline: PipelineDetails): Promise<void> {
  const at = (name: string) => join(scene.folder, name);
  const document = at('evidence.json');
  await eucora(scene, io, ['evidence', 'show', pipeline.evidence_id ?? '', '--output', document]);
  await eucora(scene, io, ['packages', 'sbom', pipeline.id, '--output', at('sbom.json')]);
  const source = at(`${pipeline.package_name}-${pipeline.package_version}.tar.gz`);
  const files = ['--source', source, '--sbom', at('sbom.json')];
  const trust = ['--ca', scene.platform.endpoints.ca_certificate];
  const command = ['evidence', 'verify', document, ...files, ...trust];
  const told = await eucora(scene, io, command);
  if (!told.includes(pipeline.output_artifact_hash ?? 'no package'))
    throw new DemoError('the evidence is not of this package');
  scene.teller.fact(`eucora ${command.join(' ')}`);
  scene.teller.fact(told.trim().split('\n').at(-1) ?? '');
  const changed = await readFile(document, 'utf8');
  const spot = Math.floor(changed.length / 3);
  await writeFile(
    at('changed.json'),
    changed.slice(0, spot) + (changed[spot] === 'A' ? 'B' : 'A') + changed.slice(spot + 1),
  );
  const refused = await eucora(scene, io, ['evidence', 'verify', at('changed.json'), ...trust], {
    expected: 1,
  });
  scene.teller.fact(`With one byte changed: ${refused.trim().split('\n').slice(0, 2).join(' ')}`);
}
