import type { Command } from 'commander';
import { z } from 'zod';
import {
  type EvidencePack,
  evidencePackSchema,
  type Statement,
} from '../../contracts/packaging-pipeline/evidence.ts';
import { EvidenceError, type Files, type Trust, verifyEvidence } from '../../evidence/verify.ts';
import { CliError, usageError } from '../client/errors.ts';
import { type Column, text } from '../output/printer.ts';
import { layoutOf } from '../platform/paths.ts';
import { argumentOf, type Runtime } from './context.ts';
import { inspectFile, readText } from './files.ts';
import { asList } from './list.ts';
import { writeDocument } from './output-file.ts';
import { id, option } from './values.ts';

const columns: readonly Column<EvidencePack>[] = [
  { title: 'ID', text: (pack) => pack.id },
  { title: 'PIPELINE', text: (pack) => pack.pipeline_id },
  { title: 'DEPLOYMENT', text: (pack) => text(pack.deployment_intent_id) },
  { title: 'SHA-256', text: (pack) => pack.sha256 },
  { title: 'CREATED', text: (pack, out) => out.time(pack.created_at) },
];

const parameters = (statement: Statement) => statement.predicate.buildDefinition.externalParameters;
const statementFields: readonly Column<Statement>[] = [
  {
    title: 'PACKAGE',
    text: (one) => text(`${parameters(one).package_name} ${parameters(one).package_version}`),
  },
  { title: 'FORMAT', text: (one) => text(parameters(one).format) },
  { title: 'ARTIFACT', text: (one) => text(one.subject[0]?.digest.sha256) },
  {
    title: 'SOURCE',
    text: (one) => text(one.predicate.buildDefinition.resolvedDependencies[0]?.digest.sha256),
  },
  { title: 'SIGNED BY', text: (one) => text(one.predicate.eucora.signing.subject) },
  { title: 'POLICY', text: (one) => text(one.predicate.eucora.policy.verdict) },
  { title: 'EXCEPTIONS', text: (one) => text(one.predicate.eucora.exceptions.join(', ')) },
  { title: 'DEPLOYMENT', text: (one) => text(one.predicate.eucora.intent?.id) },
  { title: 'FINISHED', text: (one, out) => out.time(one.predicate.runDetails.metadata.finishedOn) },
];

const PARTS = ['source', 'artifact', 'sbom', 'scan'] as const;
const file = z.string().optional();
const verifyOptions = z.object({ source: file, artifact: file, sbom: file, scan: file, key: file, ca: file });
const showOptions = z.object({ output: z.string().optional() });

export function addEvidence(program: Command, runtime: Runtime): void {
  const evidence = program.command('evidence').description('signed evidence of how packages came to be');

  asList(runtime, evidence.command('list').description('list evidence packs, newest first'), {
    path: '/evidence-packs',
    item: evidencePackSchema,
    columns,
    filters: [{ option: option('--pipeline <id>', 'of this pipeline', id), key: 'pipeline_id' }],
    nothing: 'evidence packs',
  });

  const show = evidence
    .command('show')
    .argument('<id>', 'of the evidence pack', id)
    .option('--output <file>', 'write the signed document into this file')
    .description('show an evidence pack, or fetch its signed document');
  runtime.act(show, showOptions, async ({ api, out }, { output }, args) => {
    const path = `/evidence-packs/${argumentOf(args)}`;
    const pack = await (await api()).get(path, evidencePackSchema);
    if (output !== undefined) await writeDocument(await api(), `${path}/document`, output, pack.sha256);
    out.answer(pack, () => out.fields(columns, pack));
  });

  const verify = evidence
    .command('verify')
    .argument('<file>', 'the signed document')
    .option('--artifact <file>', 'must be the package')
    .option('--source <file>', 'must be what it was made from')
    .option('--sbom <file>', 'must be its SBOM')
    .option('--scan <file>', 'must be its scan result')
    .option('--ca <file>', 'trusted authority (default: the local platform’s)')
    .option('--key <file>', 'trusted public key or certificate, instead of an authority')
    .description('verify a signed document, and files against it, without the platform');
  runtime.act(verify, verifyOptions, async ({ out, dataDirectory }, options, args) => {
    if (options.key !== undefined && options.ca !== undefined)
      throw usageError('--key and --ca exclude each other');
    const trust = await trustOf(options, dataDirectory);
    const document = await readText(argumentOf(args));
    const files: Files = {};
    for (const part of PARTS) {
      const path = options[part];
      if (path !== undefined) files[part] = (await inspectFile(path)).sha256;
    }
    const statement = verified(document, trust, files);
    out.answer({ verified: true, statement }, () => out.fields(statementFields, statement));
    out.note(`The evidence is genuine${checkedWith(files)}.`);
  });
}

async function trustOf(
  { key, ca }: { key?: string | undefined; ca?: string | undefined },
  dataDirectory: string,
): Promise<Trust> {
  if (key !== undefined) return { key: await readText(key) };
  if (ca !== undefined) return { ca: await readText(ca) };
  const own = layoutOf(dataDirectory).caCertificate;
  const pem = await readText(own).catch((error: unknown) => {
    const hint = 'Name whom you trust: --ca FILE (as `eucora ca-certificate` prints it) or --key FILE.';
    throw usageError('There is no local platform whose authority could be trusted', hint, error);
  });
  return { ca: pem };
}

function verified(document: string, trust: Trust, files: Files): Statement {
  try {
    return verifyEvidence(document, trust, files);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    const title = 'The evidence does not hold';
    const hint = 'Do not use the package; fetch evidence and files anew and find out who changed them.';
    throw new CliError('refused', { title, detail: error.message, hint }, error);
  }
}

const checkedWith = (files: Files): string => {
  const parts = Object.keys(files);
  return parts.length === 0 ? '' : `, and these files are the ones it speaks of: ${parts.join(', ')}`;
};
