import type { LoadReport } from '../load/tally.ts';
import { answerParent } from '../parts/child.ts';
import { type Enrolments, enrolMachines } from './newcomers.ts';
import { type Reconnects, reconnectAgents } from './returners.ts';

export type EnrolCommand = { readonly enrol: Enrolments } | { readonly reconnect: Reconnects };

answerParent<EnrolCommand, LoadReport>((command) =>
  'enrol' in command ? enrolMachines(command.enrol) : reconnectAgents(command.reconnect),
);
