import type { WorkflowHandle } from '@temporalio/client';

/** How often a workflow's history holds an event of this kind, as `workflowTaskCompletedEventAttributes` and the like. */
export async function countEvents(handle: WorkflowHandle, attributes: string): Promise<number> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).filter((event) => (event as unknown as Record<string, unknown>)[attributes]).length;
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
