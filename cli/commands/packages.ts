import type { Command } from 'commander';
import { z } from 'zod';
import { PLATFORMS } from '../../contracts/agent/agent.ts';
import { judgedFindingSchema, SEVERITIES } from '../../contracts/packaging-pipeline/findings.ts';
import { pipelineDetailsSchema, pipelineSchema } from '../../contracts/packaging-pipeline/pipeline.ts';
import { PIPELINE_STATUSES } from '../../contracts/packaging-pipeline/steps.ts';
import { usageError } from '../client/errors.ts';
import { argumentOf, noOptions, type Runtime } from './context.ts';
import { asList } from './list.ts';
import { writeDocument } from './output-file.ts';
import { addPackageBuild } from './package-build.ts';
import { findingColumns, pipelineColumns, pipelineFields, stepColumns } from './package-columns.ts';
import { followPipeline, LogView } from './package-follow.ts';
import { correlationId, id, oneOf, option } from './values.ts';

const logOptions = z.object({ follow: z.boolean().default(false) });
const sbomOptions = z.object({ output: z.string().optional() });

export function addPackages(program: Command, runtime: Runtime): void {
  const packages = program.command('packages').description('packages that are built, signed and scanned');
  addPackageBuild(packages, runtime);

  asList(runtime, packages.command('list').description('list packaging pipelines, newest first'), {
    path: '/packaging-pipelines',
    item: pipelineSchema,
    columns: pipelineColumns,
    filters: [
      {
        option: option('--status <status>', PIPELINE_STATUSES.join(', '), oneOf(PIPELINE_STATUSES)),
        key: 'status',
      },
      { option: option('--platform <platform>', PLATFORMS.join(', '), oneOf(PLATFORMS)), key: 'platform' },
      { option: packages.createOption('--package <name>', 'of this package'), key: 'package_name' },
      { option: option('--correlation <id>', 'what belongs together', correlationId), key: 'correlation_id' },
    ],
    nothing: 'packaging pipelines',
  });

  const show = packages
    .command('show')
    .argument('<id>', 'of the pipeline', id)
    .description('show one pipeline with its steps');
  runtime.act(show, noOptions, async ({ api, out }, _options, args) => {
    const pipeline = await (await api()).get(pathOf(args), pipelineDetailsSchema);
    out.answer(pipeline, () =>
      [out.fields(pipelineFields, pipeline), out.table(stepColumns, pipeline.steps)].join('\n'),
    );
  });

  const logs = packages
    .command('logs')
    .argument('<id>', 'of the pipeline', id)
    .option('--follow', 'go on until the pipeline ends; status 4 when it did not pass')
    .description('what the tools said, also while they run');
  runtime.act(logs, logOptions, async ({ api, io, out }, { follow }, args) => {
    const view = new LogView(io, out);
    if (follow) await followPipeline(io, await api(), argumentOf(args), view);
    else await view.readAll(await api(), argumentOf(args));
  });

  for (const [word, what] of [
    ['cancel', 'stop one that runs'],
    ['retry', 'package the same once more after it failed; the new pipeline is shown'],
  ] as const) {
    const command = packages.command(word).argument('<id>', 'of the pipeline', id).description(what);
    runtime.act(command, noOptions, async ({ api, out }, _options, args) => {
      const pipeline = await (await api()).post(`${pathOf(args)}/${word}`, pipelineDetailsSchema);
      out.answer(pipeline, () => out.fields(pipelineFields, pipeline));
    });
  }

  const findings = packages.command('findings').argument('<id>', 'of the pipeline', id);
  asList(runtime, findings.description('what the scanner found, the worst first'), {
    path: (_context, args) => `${pathOf(args)}/findings`,
    item: judgedFindingSchema,
    columns: findingColumns,
    filters: [
      {
        option: option('--severity <severity>', SEVERITIES.join(', '), oneOf(SEVERITIES)),
        key: 'severity',
      },
    ],
    nothing: 'findings',
  });

  const sbom = packages
    .command('sbom')
    .argument('<id>', 'of the pipeline', id)
    .option('--output <file>', 'write it into this file, as it was made')
    .description('what the package holds, as CycloneDX or SPDX');
  runtime.act(sbom, sbomOptions, async ({ api, out, io }, { output }, args) => {
    const pipeline = await (await api()).get(pathOf(args), pipelineDetailsSchema);
    const { sbom_hash: sha256 } = pipeline;
    if (sha256 === null)
      throw usageError('The pipeline has no SBOM yet', 'Follow it: eucora packages logs ID.');
    if (output === undefined) {
      io.stdout.write(await (await api()).document(`${pathOf(args)}/sbom`));
      return;
    }
    await writeDocument(await api(), `${pathOf(args)}/sbom`, output, sha256);
    out.answer({ file: output, sha256 }, () => `${sha256}  ${output}\n`);
  });
}

const pathOf = (args: readonly string[]): string => `/packaging-pipelines/${argumentOf(args)}`;
