import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { IncidentSnapshot } from '../../contracts/incident/snapshot.ts';

/** The incident's row has changed. Told at least once, in any order; the higher version counts. */
export const incidentChanged = defineSignal<[IncidentSnapshot]>('incidentChanged');

/** The newest snapshot that the workflow knows. */
export const incidentSnapshot = defineQuery<IncidentSnapshot>('incidentSnapshot');
