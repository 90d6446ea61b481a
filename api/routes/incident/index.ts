import type { OperatorRoute } from '../types.ts';
import { approveIncident } from './approve-incident.ts';
import { askIncident } from './ask-incident.ts';
import { editIncident } from './edit-incident.ts';
import { incidentParts } from './list-incident-parts.ts';
import { listIncidents } from './list-incidents.ts';
import { rejectIncident } from './reject-incident.ts';
import { showIncident } from './show-incident.ts';
import { stopIncident } from './stop-incident.ts';

/** Incidents: from failures that are alike to a remedy that a person approved. */
export const incidentRoutes: readonly OperatorRoute[] = [
  listIncidents,
  showIncident,
  ...incidentParts,
  approveIncident,
  editIncident,
  rejectIncident,
  askIncident,
  stopIncident,
];
