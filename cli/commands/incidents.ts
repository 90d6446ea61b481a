import type { Command } from 'commander';
import { PLATFORMS } from '../../contracts/agent/agent.ts';
import { FAILURE_CATEGORIES } from '../../contracts/incident/ai.ts';
import {
  incidentCallSchema,
  incidentDetailSchema,
  incidentOccurrenceSchema,
  incidentRemedySchema,
  incidentSchema,
  incidentStepSchema,
} from '../../contracts/incident/incident.ts';
import { INCIDENT_STATUSES } from '../../contracts/incident/states.ts';
import { argumentOf, noOptions, type Runtime } from './context.ts';
import {
  answerIncident,
  callColumns,
  incidentColumns,
  occurrenceColumns,
  remedyColumns,
  stepColumns,
} from './incident-columns.ts';
import { addIncidentDecisions } from './incident-decisions.ts';
import { addIncidentWatch } from './incident-watch.ts';
import { asList, type ListOptions } from './list.ts';
import { id, oneOf, option } from './values.ts';

export function addIncidents(program: Command, runtime: Runtime): void {
  const incidents = program
    .command('incidents')
    .description('failures that are alike, and what is done about them');
  const list = incidents.command('list').description('list incidents, newest first');
  asList(runtime, list, {
    path: '/incidents',
    item: incidentSchema,
    columns: incidentColumns,
    nothing: 'incidents',
    filters: [
      {
        option: option('--status <status>', INCIDENT_STATUSES.join(', '), oneOf(INCIDENT_STATUSES)),
        key: 'status',
      },
      {
        option: option('--label <label>', FAILURE_CATEGORIES.join(', '), oneOf(FAILURE_CATEGORIES)),
        key: 'label',
      },
      { option: option('--platform <platform>', PLATFORMS.join(', '), oneOf(PLATFORMS)), key: 'platform' },
      { option: list.createOption('--package <name>', 'of this package'), key: 'package' },
      { option: list.createOption('--open', 'not closed'), key: 'open', value: true },
      { option: list.createOption('--closed', 'closed').conflicts('open'), key: 'open', value: false },
    ],
  });

  const show = incidents
    .command('show')
    .argument('<id>', 'of the incident', id)
    .description('show one incident with its suggestions');
  runtime.act(show, noOptions, async ({ api, out }, _options, args) => {
    answerIncident(out, await (await api()).get(`/incidents/${argumentOf(args)}`, incidentDetailSchema));
  });

  const part = <T>(
    name: string,
    what: string,
    options: Pick<ListOptions<T>, 'item' | 'columns' | 'nothing'>,
  ): void => {
    const command = incidents.command(name).argument('<id>', 'of the incident', id).description(what);
    const path: ListOptions<T>['path'] = (_context, args) => `/incidents/${argumentOf(args)}/${name}`;
    asList(runtime, command, { ...options, path, filters: [] });
  };
  part('occurrences', 'tasks that failed so, newest first', {
    item: incidentOccurrenceSchema,
    columns: occurrenceColumns,
    nothing: 'occurrences',
  });
  part('remedies', 'devices on their way through approved remedies', {
    item: incidentRemedySchema,
    columns: remedyColumns,
    nothing: 'remedies',
  });
  part('calls', 'questions to providers of models, with tokens and answers', {
    item: incidentCallSchema,
    columns: callColumns,
    nothing: 'calls',
  });
  part('timeline', 'what happened to the incident, and by whom', {
    item: incidentStepSchema,
    columns: stepColumns,
    nothing: 'steps',
  });
  addIncidentDecisions(incidents, runtime);
  addIncidentWatch(incidents, runtime);
}
