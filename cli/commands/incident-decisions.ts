import type { Command } from 'commander';
import { z } from 'zod';
import { INTERPRETERS } from '../../contracts/agent-task/payload.ts';
import { type IncidentDetail, incidentDetailSchema } from '../../contracts/incident/incident.ts';
import { usageError } from '../client/errors.ts';
import { readInput } from '../client/io.ts';
import { confirm } from './confirm.ts';
import { argumentOf, type Context, type Runtime } from './context.ts';
import { readText } from './files.ts';
import { answerIncident, suggestionText } from './incident-columns.ts';
import { id, oneOf, option } from './values.ts';

const MAX_SCRIPT_BYTES = 65_536;

const approveOptions = z.object({
  suggestion: z.string().optional(),
  retry: z.boolean().default(true),
  note: z.string().optional(),
  yes: z.boolean().default(false),
});
const editOptions = z.object({
  script: z.string(),
  interpreter: z.enum(INTERPRETERS).default('sh'),
  check: z.string().optional(),
  explanation: z.string().optional(),
});
const reasonOptions = z.object({ reason: z.string() });
const askOptions = z.object({ wish: z.string().optional() });

/** What takes the scope approver, and stopping, for which operator will do as well. */
export function addIncidentDecisions(incidents: Command, runtime: Runtime): void {
  const decision = (name: string, what: string): Command =>
    incidents.command(name).argument('<id>', 'of the incident', id).description(what);
  const send = async ({ api, out }: Context, args: readonly string[], word: string, body: unknown) => {
    const client = await api();
    answerIncident(
      out,
      await client.post(`/incidents/${argumentOf(args)}/${word}`, incidentDetailSchema, body),
    );
  };

  const approve = decision('approve', 'have a suggestion run: on one device first, then on the others')
    .addOption(option('--suggestion <id>', 'another one than what is preselected', id))
    .option('--no-retry', 'do not do the failed tasks again afterwards')
    .option('--note <text>', 'kept with the decision')
    .option('--yes', 'do not ask');
  runtime.act(approve, approveOptions, async (context, options, args) => {
    const incident = await (await context.api()).get(`/incidents/${argumentOf(args)}`, incidentDetailSchema);
    const suggestion = choose(incident, options.suggestion);
    if (!options.yes) {
      context.io.stderr.write(suggestionText(suggestion, false));
      await confirm(
        context.io,
        `Run this on up to ${incident.device_count} ${incident.platform} devices, on one first?`,
      );
    }
    // By its id: what was shown is what runs, whatever is preselected by now.
    await send(context, args, 'approve', {
      suggestion_id: suggestion.id,
      retry_failed_tasks: options.retry,
      note: options.note,
    });
  });

  const edit = decision(
    'edit',
    'put a script of one’s own in place of the suggestion; it runs once it is approved',
  )
    .requiredOption('--script <file>', 'the script; - for standard input')
    .addOption(
      option('--interpreter <name>', `${INTERPRETERS.join(', ')} (default: sh)`, oneOf(INTERPRETERS)),
    )
    .option('--check <file>', 'script that ends with 0 once a device is healthy')
    .option('--explanation <text>', 'what it does');
  runtime.act(edit, editOptions, async (context, options, args) => {
    const script =
      options.script === '-'
        ? await readInput(context.io.stdin, MAX_SCRIPT_BYTES)
        : await readText(options.script);
    await send(context, args, 'edit', {
      interpreter: options.interpreter,
      script,
      verification: options.check === undefined ? undefined : await readText(options.check),
      explanation: options.explanation,
    });
  });

  for (const [word, what] of [
    ['reject', 'close the incident without a remedy'],
    ['stop', 'stop its running remedy: open tasks are cancelled, no further device gets it'],
  ] as const) {
    const command = decision(word, what).requiredOption('--reason <text>', 'kept with the decision');
    runtime.act(command, reasonOptions, (context, body, args) => send(context, args, word, body));
  }

  const ask = decision('ask', 'have the failure analysed anew').option(
    '--wish <text>',
    'what the suggestion should do otherwise',
  );
  runtime.act(ask, askOptions, (context, { wish }, args) => send(context, args, 'ask', { wish }));
}

function choose(incident: IncidentDetail, asked: string | undefined): IncidentDetail['suggestions'][number] {
  const wanted = asked ?? incident.preselected_suggestion_id;
  if (wanted === null) {
    throw usageError(
      'No suggestion is preselected',
      'Look at them (eucora incidents show ID), then name one with --suggestion.',
    );
  }
  const found = incident.suggestions.find((suggestion) => suggestion.id === wanted);
  if (found === undefined) throw usageError(`The incident has no suggestion ${wanted}`);
  return found;
}
