import type { Command } from 'commander';
import { z } from 'zod';
import { type IncidentDetail, incidentDetailSchema } from '../../contracts/incident/incident.ts';
import { CliError } from '../client/errors.ts';
import { cleanLine, toJson } from '../output/clean.ts';
import type { Printer } from '../output/printer.ts';
import { utc } from '../output/time.ts';
import { argumentOf, type Context, type Runtime } from './context.ts';
import { follow } from './follow.ts';
import { remediesOf } from './incident-columns.ts';
import { duration, id, option } from './values.ts';

const DEFAULT_PATIENCE_SECONDS = 120;

const watchOptions = z.object({
  patience: z.number().default(DEFAULT_PATIENCE_SECONDS),
  decision: z.boolean().default(false),
});

export function addIncidentWatch(incidents: Command, runtime: Runtime): void {
  const watch = incidents
    .command('watch')
    .argument('<id>', 'of the incident', id)
    .option('--decision', 'only until a person is needed, which ends it with status 0')
    .addOption(option('--patience <span>', 'outage of the platform that is borne (default: 2m)', duration))
    .description('follow an incident until it is closed; status 0 when it was resolved, 4 otherwise');
  runtime.act(watch, watchOptions, async (context, { patience, decision }, args) => {
    const client = await context.api();
    const incident = await follow(context.io, {
      read: () => client.get(`/incidents/${argumentOf(args)}`, incidentDetailSchema),
      show: changeTeller(context),
      ended: ({ status }) => status === 'CLOSED' || (decision && status === 'AWAITING_DECISION'),
      lost: onceAnOutage(context.out),
      patienceMs: patience * 1_000,
    });
    if (incident.status !== 'CLOSED' || incident.outcome === 'RESOLVED') return;
    throw new CliError('unsuccessful', {
      title: `The incident was closed as ${incident.outcome}`,
      detail: incident.decision_note ?? undefined,
      hint: `eucora incidents timeline ${incident.id} tells more.`,
      correlation_id: incident.correlation_id,
    });
  });
}

/** Programs get each change as a line of JSON, people as a line of text. */
function changeTeller({ io, out }: Context): (incident: IncidentDetail) => boolean {
  let last = '';
  return (incident) => {
    const line = describe(incident);
    if (line === last) return false;
    last = line;
    io.stdout.write(out.json ? `${toJson(incident)}\n` : `${utc(io.now())}  ${line}\n`);
    return true;
  };
}

function describe(incident: IncidentDetail): string {
  const parts = [
    incident.outcome === null ? incident.status : `${incident.status} ${incident.outcome}`,
    `${incident.occurrence_count} on ${incident.device_count} devices`,
    incident.label ?? '',
    incident.status === 'AWAITING_DECISION' ? (incident.advice ?? '') : remediesOf(incident.remedies),
  ];
  return cleanLine(parts.filter((part) => part !== '' && part !== '-').join('  '));
}

/** Said once; the next line tells that it answers again. */
function onceAnOutage(out: Printer): () => void {
  let told = false;
  return () => {
    if (!told) out.note('the platform does not answer; trying on');
    told = true;
  };
}
