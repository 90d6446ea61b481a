import {
  ActivityFailure,
  condition,
  continueAsNew,
  log,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { IncidentActivities } from '../../activities/incident/activities.ts';
import type { AnalysisActivities } from '../../activities/incident/analysis.ts';
import type { IncidentDue, IncidentEnd, IncidentSnapshot } from '../../contracts/incident/snapshot.ts';
import type { IncidentStatus } from '../../contracts/incident/states.ts';
import { AI_TASK_QUEUE, HEARTBEAT_TIMEOUT } from '../../contracts/temporal.ts';
import { SEARCH_ATTRIBUTE_KEYS } from '../search-attributes.ts';
import { describeIncident } from './describe.ts';
import { incidentChanged, incidentSnapshot } from './messages.ts';

// What was decided or is due must happen in the end, however long Postgres is away: retried without limit.
const story = proxyActivities<IncidentActivities>({
  startToCloseTimeout: '60 seconds',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});
// Receivers may be away; the next reminder comes anyway.
const { notifyIncident } = proxyActivities<IncidentActivities>({
  startToCloseTimeout: '30 seconds',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  scheduleToCloseTimeout: '1 hour',
  retry: { initialInterval: '2 seconds', maximumInterval: '5 minutes' },
});
// Providers have their own retries, budgets and fallbacks; a person is not kept waiting for long by those that are down.
const assistant = proxyActivities<AnalysisActivities>({
  taskQueue: AI_TASK_QUEUE,
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  scheduleToCloseTimeout: '20 minutes',
  retry: { initialInterval: '2 seconds', maximumInterval: '1 minute' },
});

const SUMMARIES: Readonly<Record<IncidentDue, string>> = {
  reminder: 'Until the next reminder that somebody must decide',
  end: 'Until waiting for a decision ends',
  check: 'Until remedied devices are looked at again',
};

/**
 * The story of one incident. Postgres is the authority for its state and tells the workflow of changes; the workflow
 * holds the timers and sees ids and states only: what devices and models say stays in Postgres. `before` and
 * `waitedSince`: the state that the run before this one saw last, and of which wait, when there was one.
 */
export async function incident(
  opened: IncidentSnapshot,
  before: IncidentStatus = opened.status,
  waitedSince = opened.waiting_since,
): Promise<IncidentEnd> {
  let known = opened;
  let last: Seen = { status: before, waiting_since: waitedSince };
  let shown = '';
  let acted: IncidentSnapshot | undefined;
  const hear = (next: IncidentSnapshot): void => {
    if (next.version >= known.version) known = next;
  };
  setHandler(incidentSnapshot, () => known);
  setHandler(incidentChanged, hear);
  for (;;) {
    shown = show(known, shown);
    if (known.status === 'CLOSED') break;
    if (workflowInfo().continueAsNewSuggested) {
      return continueAsNew<typeof incident>(known, last.status, last.waiting_since);
    }
    if (
      (isBackFrom(last, known) && patched('tell-of-fall-back')) ||
      (waitsAnew(last, known) && patched('tell-of-unseen-stop'))
    ) {
      notify(known.incident_id, 'decision_needed');
    }
    last = known;
    if (known.status === 'OPENED') {
      hear(await analyse(known.incident_id));
      continue;
    }
    const seen = known;
    // What devices did is read at every change; a person's decision is waited for.
    if ((seen.status === 'CANARY' || seen.status === 'ROLLOUT') && seen !== acted) {
      acted = await story.advanceIncident.executeWithOptions({ summary: 'Look at devices' }, [
        seen.incident_id,
      ]);
      hear(acted);
      continue;
    }
    if (await changesWithin(() => known !== seen, seen)) continue;
    hear(await act(seen));
  }
  return { outcome: known.outcome, occurrences: known.occurrences };
}

interface Seen {
  readonly status: IncidentStatus;
  readonly waiting_since?: string | null | undefined;
}

/** A remedy ended with a person, by itself or because somebody stopped it: who must decide has to hear of it. */
const isBackFrom = (last: Seen, now: Seen): boolean =>
  (last.status === 'CANARY' || last.status === 'ROLLOUT') && now.status === 'AWAITING_DECISION';

/** Approved and stopped before the workflow heard of either: only the beginning of the wait tells. */
const waitsAnew = (last: Seen, now: Seen): boolean =>
  last.status === 'AWAITING_DECISION' &&
  now.status === 'AWAITING_DECISION' &&
  last.waiting_since !== undefined &&
  now.waiting_since !== undefined &&
  last.waiting_since !== now.waiting_since;

/** Classification, then a suggestion; whatever goes wrong, a person gets the incident. */
async function analyse(id: string): Promise<IncidentSnapshot> {
  let trouble: string | null = null;
  try {
    await assistant.classifyIncident.executeWithOptions({ summary: 'Classify' }, [id]);
    await assistant.suggestRemedy.executeWithOptions({ summary: 'Suggest a remedy' }, [id]);
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.warn('The incident could not be analysed', { activity: error.activityType });
    trouble = 'The analysis failed or took too long: look at the failure yourself, or ask again.';
  }
  const waiting = await story.presentIncident(id, trouble);
  notify(id, 'decision_needed');
  return waiting;
}

/** A timer fired: says so to Postgres, which decides. */
async function act(seen: IncidentSnapshot): Promise<IncidentSnapshot> {
  const id = seen.incident_id;
  if (seen.due === 'check') {
    return story.advanceIncident.executeWithOptions({ summary: 'Look at devices' }, [id]);
  }
  const { done, snapshot } = await story.remindOrExpireIncident.executeWithOptions(
    { summary: seen.due === 'end' ? 'End of waiting' : 'Remind' },
    [seen],
  );
  if (done === 'reminded') notify(id, 'reminder');
  return snapshot;
}

/** Goes beside the story: no receiver holds it up. */
function notify(id: string, why: 'decision_needed' | 'reminder'): void {
  notifyIncident(id, why).catch((error: unknown) => {
    if (!(error instanceof ActivityFailure)) throw error;
    log.warn('Nobody was notified of the incident', { why });
  });
}

async function changesWithin(changed: () => boolean, seen: IncidentSnapshot): Promise<boolean> {
  if (seen.due === null || seen.due_in_ms === null) {
    await condition(changed);
    return true;
  }
  // A snapshot may have lain before it was heard; one that was just read counts by one clock alone.
  const due = Math.max(
    1,
    Math.min(seen.due_in_ms, Date.parse(seen.due_at ?? '') - Date.now() || seen.due_in_ms),
  );
  return condition(changed, due, { summary: SUMMARIES[seen.due] });
}

/** @returns what is shown now, so that search attributes change only with what they say */
function show(known: IncidentSnapshot, shown: string): string {
  setCurrentDetails(describeIncident(known));
  const now = `${known.status} ${known.label}`;
  if (now !== shown) {
    upsertSearchAttributes([
      { key: SEARCH_ATTRIBUTE_KEYS.state, value: known.status },
      { key: SEARCH_ATTRIBUTE_KEYS.incidentLabel, value: known.label },
    ]);
  }
  return now;
}
