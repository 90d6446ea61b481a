import { defineSignal } from '@temporalio/workflow';
import type { SiteCommand } from '../../contracts/simulation/simulation.ts';

/** To a site: what becomes of its agents' lines, in the order of the signals. */
export const steer = defineSignal<[SiteCommand]>('steer');

/** To a site: the simulation is over. */
export const close = defineSignal('close');
