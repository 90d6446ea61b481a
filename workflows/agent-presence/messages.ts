import { defineSignal } from '@temporalio/workflow';

/** Look now, whatever the plan was: a worker has started, perhaps with other rules. */
export const wake = defineSignal('wake');
