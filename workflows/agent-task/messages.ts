import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { TaskSnapshot } from '../../contracts/agent-task/snapshot.ts';

/** The task's row has changed. Told at least once, in any order; the higher version counts. */
export const taskChanged = defineSignal<[TaskSnapshot]>('taskChanged');

/** The newest snapshot that the workflow knows. */
export const taskSnapshot = defineQuery<TaskSnapshot>('taskSnapshot');
