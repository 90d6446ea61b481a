import type { Command } from 'commander';
import { z } from 'zod';
import { type Artifact, artifactSchema } from '../../contracts/artifact/artifact.ts';
import { type Column, text } from '../output/printer.ts';
import { argumentOf, type Runtime } from './context.ts';
import { inspectFile, uploadFile } from './files.ts';
import { asList } from './list.ts';

const columns: readonly Column<Artifact>[] = [
  { title: 'SHA-256', text: ({ sha256 }) => sha256 },
  { title: 'NAME', text: ({ name }) => text(name) },
  { title: 'BYTES', text: ({ size_bytes }) => String(size_bytes) },
  { title: 'CREATED', text: ({ created_at }, out) => out.time(created_at) },
  { title: 'BY', text: ({ created_by }) => text(created_by) },
];
const uploadOptions = z.object({ name: z.string().optional() });

export function addArtifacts(program: Command, runtime: Runtime): void {
  const artifacts = program.command('artifacts').description('files that agents may download');

  const upload = artifacts
    .command('upload')
    .argument('<file>', 'to upload')
    .option('--name <name>', 'name for people (default: that of the file)')
    .description('upload a file; the same content is kept once');
  runtime.act(upload, uploadOptions, async ({ api, out }, { name }, args) => {
    const file = await inspectFile(argumentOf(args), name);
    const artifact = await uploadFile(await api(), file);
    out.answer(artifact, () => out.fields(columns, artifact));
  });

  asList(runtime, artifacts.command('list').description('list artifacts, by SHA-256'), {
    path: '/artifacts',
    item: artifactSchema,
    columns,
    filters: [],
    nothing: 'artifacts',
  });
}
