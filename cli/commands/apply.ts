import type { Command } from 'commander';
import { z } from 'zod';
import {
  type FleetChange,
  type FleetPlan,
  fleetFileSchema,
  fleetPlanSchema,
} from '../../contracts/fleet-file/fleet-file.ts';
import { CliError } from '../client/errors.ts';
import { cleanLine } from '../output/clean.ts';
import type { Runtime } from './context.ts';
import { readText } from './files.ts';
import { parseYaml, readAs, wrongValues, type YamlFile } from './yaml.ts';

const applyOptions = z.object({ file: z.string(), dryRun: z.boolean().default(false) });

const SIGNS: Readonly<Record<FleetChange['action'], string>> = { create: '+', update: '~', unchanged: '=' };

export function addApply(program: Command, runtime: Runtime): void {
  const apply = program
    .command('apply')
    .requiredOption('-f, --file <file>', 'fleet file, in YAML or JSON')
    .option('--dry-run', 'only show what would change')
    .description('make policies, packages, rollout plans and exceptions what a file says: all, or nothing');
  runtime.act(apply, applyOptions, async ({ api, out }, { file: path, dryRun }) => {
    const file = parseYaml(path, await readText(path));
    readAs(file, fleetFileSchema);
    const client = await api();
    const plan = await client
      .post('/fleet/apply', fleetPlanSchema, file.value, { query: { dry_run: dryRun } })
      .catch((error: unknown) => {
        throw withLines(file, error);
      });
    out.answer(plan, () => describe(plan));
    if (dryRun && plan.changed > 0) out.note(`To apply it: eucora apply -f ${path}`);
  });
}

/** What the platform says of the file's parts is told by their lines, too. */
function withLines(file: YamlFile, error: unknown): unknown {
  if (!(error instanceof CliError) || error.complaint.errors === undefined) return error;
  const errors = error.complaint.errors.map(({ path, message }) => ({
    path: path.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part)),
    message,
  }));
  return wrongValues(file, errors);
}

function describe(plan: FleetPlan): string {
  const lines = plan.changes.map(({ action, kind, name, fields }) => {
    const differs = fields.length === 0 ? '' : `: ${fields.join(', ')}`;
    return cleanLine(`${SIGNS[action]} ${kind.replace('_', ' ')} ${name}${differs}`);
  });
  const count = `${plan.changed} of ${plan.changes.length}`;
  const total =
    plan.changed === 0 ? 'Nothing changes.' : plan.dry_run ? `${count} would change.` : `${count} changed.`;
  return `${[...lines, total].join('\n')}\n`;
}
