import type { Command } from 'commander';
import { z } from 'zod';
import { sha256Schema } from '../../contracts/artifact/artifact.ts';
import { pipelineDetailsSchema } from '../../contracts/packaging-pipeline/pipeline.ts';
import { SBOM_FORMATS } from '../../contracts/packaging-pipeline/steps.ts';
import { messageOf, usageError } from '../client/errors.ts';
import type { Runtime } from './context.ts';
import { chooseArtifact, readText, uploadFile } from './files.ts';
import { pipelineFields } from './package-columns.ts';
import { followPipeline, LogView } from './package-follow.ts';
import { oneOf, option } from './values.ts';

const buildOptions = z.object({
  description: z.string(),
  source: z.string(),
  sha256: z.string().optional(),
  sbom: z.enum(SBOM_FORMATS).optional(),
  policy: z.string().optional(),
  signingKey: z.string().optional(),
  follow: z.boolean().default(false),
});
type BuildOptions = z.infer<typeof buildOptions>;

export function addPackageBuild(packages: Command, runtime: Runtime): void {
  const build = packages
    .command('build')
    .requiredOption('--description <file>', 'what the package is to be, as JSON')
    .requiredOption('--source <what>', 'file (it is uploaded), SHA-256 of an artifact, or URL with --sha256')
    .option('--sha256 <hash>', 'of what the URL leads to')
    .addOption(option('--sbom <format>', SBOM_FORMATS.join(', '), oneOf(SBOM_FORMATS)))
    .option('--policy <file>', 'what the package must be to pass, as JSON')
    .option('--signing-key <reference>', 'key of the packaging workers (default: development)')
    .option('--follow', 'show the log until it ends; status 4 when it did not pass')
    .description('build, sign, scan and store a package');
  runtime.act(build, buildOptions, async ({ api, io, out }, options) => {
    const { source, file } = await sourceOf(options);
    const request = {
      source,
      description: await readJson(options.description),
      sbom_format: options.sbom,
      signing_key: options.signingKey,
      policy: options.policy === undefined ? undefined : await readJson(options.policy),
    };
    if (file !== undefined) await uploadFile(await api(), file);
    const created = await (await api()).post('/packaging-pipelines', pipelineDetailsSchema, request, {
      repeatable: true,
    });
    if (!options.follow) {
      out.answer(created, () => out.fields(pipelineFields, created));
      return;
    }
    const pipeline = await followPipeline(io, await api(), created.id, new LogView(io, out));
    out.answer(pipeline, () => out.fields(pipelineFields, pipeline));
  });
}

async function sourceOf({ source, sha256 }: BuildOptions) {
  if (/^https?:\/\//.test(source)) {
    if (!sha256Schema.safeParse(sha256).success)
      throw usageError('A URL needs its hash', 'Give --sha256 HASH: what is fetched must have it.');
    return { source: { url: source, sha256 } };
  }
  const { reference, file } = await chooseArtifact(source);
  return { source: { artifact_sha256: reference.sha256 }, file };
}

async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usageError(`${path} is no JSON: ${messageOf(error)}`, undefined, error);
  }
}
