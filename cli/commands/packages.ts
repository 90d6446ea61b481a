import { basename } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { PLATFORMS } from '../../contracts/agent/agent.ts';
import { judgedFindingSchema, SEVERITIES } from '../../contracts/packaging-pipeline/findings.ts';
import {
  type PipelineDetails,
  pipelineDetailsSchema,
  pipelineSchema,
} from '../../contracts/packaging-pipeline/pipeline.ts';
import { PIPELINE_STATUSES } from '../../contracts/packaging-pipeline/steps.ts';
import { type CliError, usageError } from '../client/errors.ts';
import { argumentOf, noOptions, type Runtime } from './context.ts';
import { asList } from './list.ts';
import { writeDocument, writeDownload } from './output-file.ts';
import { addPackageBuild } from './package-build.ts';
import {
  findingColumns,
  pipelineColumns,
  pipelineFields,
  ruleColumns,
  stepColumns,
} from './package-columns.ts';
import { followPipeline, LogView } from './package-follow.ts';
import { correlationId, id, oneOf, option } from './values.ts';

const logOptions = z.object({ follow: z.boolean().default(false) });
const outputOptions = z.object({ output: z.string().optional() });

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
    .description('show one pipeline: its steps, and what each rule of the policy said');
  runtime.act(show, noOptions, async ({ api, out }, _options, args) => {
    const pipeline = await (await api()).get(pathOf(args), pipelineDetailsSchema);
    out.answer(pipeline, () =>
      [
        out.fields(pipelineFields, pipeline),
        out.table(stepColumns, pipeline.steps),
        ...(pipeline.policy_decision === null
          ? []
          : [out.table(ruleColumns, pipeline.policy_decision.rules)]),
      ].join('\n'),
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
    ['retry', 'package the same once more, after it has ended; the new pipeline is shown'],
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

  for (const { word, what, description, hashOf } of DOCUMENTS) {
    const document = packages
      .command(word)
      .argument('<id>', 'of the pipeline', id)
      .option('--output <file>', 'write it into this file, as it was made')
      .description(description);
    runtime.act(document, outputOptions, async ({ api, out, io }, { output }, args) => {
      const pipeline = await (await api()).get(pathOf(args), pipelineDetailsSchema);
      const sha256 = hashOf(pipeline);
      if (sha256 === null) throw notYet(what);
      if (output === undefined) {
        io.stdout.write(await (await api()).document(`${pathOf(args)}/${word}`));
        return;
      }
      await writeDocument(await api(), `${pathOf(args)}/${word}`, output, sha256);
      out.answer({ file: output, sha256 }, () => `${sha256}  ${output}\n`);
    });
  }

  const download = packages
    .command('download')
    .argument('<id>', 'of the pipeline', id)
    .option('--output <file>', 'write it into this file (default: its own name, here)')
    .description('fetch the finished package; it is kept if it has the hash that the platform names');
  runtime.act(download, outputOptions, async ({ api, out }, { output }, args) => {
    const pipeline = await (await api()).get(pathOf(args), pipelineDetailsSchema);
    const { output_artifact_hash: sha256, output_artifact_name: name } = pipeline;
    if (sha256 === null || name === null) throw notYet('package');
    const file = output ?? basename(name);
    await writeDownload(await api(), `${pathOf(args)}/package`, file, sha256);
    out.answer({ file, sha256 }, () => `${sha256}  ${file}\n`);
  });
}

const DOCUMENTS = [
  {
    word: 'sbom',
    what: 'SBOM',
    description: 'what the package holds, as CycloneDX or SPDX',
    hashOf: ({ sbom_hash }: PipelineDetails) => sbom_hash,
  },
  {
    word: 'scan',
    what: 'scan result',
    description: 'the scanner’s own report, as JSON',
    hashOf: ({ scan_results_hash }: PipelineDetails) => scan_results_hash,
  },
] as const;

const notYet = (what: string): CliError =>
  usageError(`The pipeline has no ${what} yet`, 'Follow it: eucora packages logs ID.');

const pathOf = (args: readonly string[]): string => `/packaging-pipelines/${argumentOf(args)}`;
