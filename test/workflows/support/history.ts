import type { WorkflowHandle } from '@temporalio/client';

/** How often a workflow's history holds an event of this kind, as `workflowTaskCompletedEventAttributes` and the like. */
export async function countEvents(handle: WorkflowHandle, attributes: string): Promise<number> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).filter((event) => (event as unknown as Record<string, unknown>)[attributes]).length;
}

/** When events of this kind were written, in milliseconds by the engine's clock. */
export async function timesOf(handle: WorkflowHandle, attributes: string): Promise<number[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? [])
    .filter((event) => (event as unknown as Record<string, unknown>)[attributes])
    .map(({ eventTime }) => Number(eventTime?.seconds ?? 0) * 1_000 + (eventTime?.nanos ?? 0) / 1e6);
}

/** Milliseconds from a workflow's last timer to what it led to: how busy the machine was, which no test judges. */
export async function heldUp(handle: WorkflowHandle): Promise<number> {
  const fired = (await timesOf(handle, 'timerFiredEventAttributes')).at(-1);
  const acted = (await timesOf(handle, 'activityTaskStartedEventAttributes')).at(-1);
  if (fired === undefined || acted === undefined || acted < fired)
    throw new Error('No timer led to anything');
  return acted - fired;
}

/** Activities of a workflow so far whose worker, had it been killed, would not have been missed within seconds. */
export async function unwatched(handle: WorkflowHandle): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) => {
    const seconds = Number(scheduled?.heartbeatTimeout?.seconds ?? 0);
    return scheduled == null || (seconds > 0 && seconds <= 5) ? [] : [scheduled.activityType?.name ?? ''];
  });
}

/** What an operator reads in the Web UI. */
export async function shownOf(handle: WorkflowHandle): Promise<{
  state: unknown;
  summary: string | undefined;
  details: string | undefined;
}> {
  const described = await handle.describe();
  return {
    state: described.searchAttributes['EucoraTaskState']?.[0],
    summary: await described.staticSummary(),
    details: (await handle
      .query<string>('__temporal_workflow_metadata')
      .then((metadata) => (metadata as unknown as { currentDetails?: string }).currentDetails)) as
      | string
      | undefined,
  };
}
