import { answerParent } from '../parts/child.ts';
import { Fleet, type FleetRun, type FleetSpec } from './fleet.ts';
import type { LoadReport } from './tally.ts';

export type LoadCommand = { readonly assemble: FleetSpec } | { readonly run: FleetRun };

let fleet: Fleet | undefined;

answerParent<LoadCommand, LoadReport | 'ready'>(async (command) => {
  if ('assemble' in command) {
    fleet = await Fleet.assemble(command.assemble);
    return 'ready';
  }
  if (fleet === undefined) throw new Error('There is no fleet yet');
  return fleet.run(command.run);
});
