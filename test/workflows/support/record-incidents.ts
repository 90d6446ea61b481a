import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Fleet } from '../../db/support/fleet.ts';
import { DECIDER, Trouble, unique } from '../../db/support/incidents.ts';
import type { TestDatabase } from '../../harness/database.ts';
import { eventually } from '../../harness/eventually.ts';
import { atRest, incidentAnalysis } from '../../harness/incidents.ts';
import type { TestControlPlane } from '../../harness/temporal.ts';
import { recordHistory } from './histories.ts';

/** The stories of incidents: healed, failed on the first device, stopped, never decided, and come back. */
export async function recordIncidents(
  env: TestWorkflowEnvironment,
  database: TestDatabase,
  plane: TestControlPlane,
): Promise<void> {
  const trouble = new Trouble(new Fleet(database));
  const analysis = await incidentAnalysis(env, database, plane);
  const relayed = async () => {
    while ((await trouble.incidents.collect()) > 0);
    while ((await analysis.relay.relayOnce()) > 0);
  };
  const until = async (id: string, status: string) => {
    await eventually(async () => {
      if ((await trouble.show(id)).status !== status) throw new Error(`Not ${status} yet`);
    });
    await atRest(await handleOf(id), trouble.incidents, id);
  };
  const handleOf = async (id: string) =>
    plane.client.workflow.getHandle((await trouble.show(id)).workflow_id);
  const waiting = async (devices: number, error = unique('recorded')) => {
    await plane.syncClock();
    for (let n = 0; n < devices; n += 1) await trouble.fail(error);
    await relayed();
    const id = await trouble.collected();
    await until(id, 'AWAITING_DECISION');
    return { id, error, handle: await handleOf(id) };
  };
  const runs = async (id: string, agent: string, error?: string) => {
    await plane.syncClock();
    await trouble.run(agent, await eventually(() => trouble.remedyTask(id, agent)), error);
    await trouble.incidents.collect();
    await plane.pass(2);
    await relayed();
    await trouble.fleet.heartbeat(agent);
  };
  const heal = async (id: string) => {
    await trouble.approve(id);
    await relayed();
    for (const { agent_id } of await trouble.remedies(id)) {
      await runs(id, agent_id);
      await plane.pass(130);
    }
  };
  try {
    // What failed in earlier stories has incidents of its own.
    await relayed();
    const resolved = await waiting(2);
    await heal(resolved.id);
    await resolved.handle.result();
    await recordHistory(resolved.handle, 'incident.resolved.json');

    await plane.syncClock();
    await trouble.fail(resolved.error);
    await relayed();
    await until(resolved.id, 'AWAITING_DECISION');
    await trouble.incidents.ask(resolved.id, 'gently', DECIDER);
    await relayed();
    await until(resolved.id, 'AWAITING_DECISION');
    await trouble.incidents.reject(resolved.id, 'known', DECIDER);
    await relayed();
    const reopened = await handleOf(resolved.id);
    await reopened.result();
    await recordHistory(reopened, 'incident.reopened.json');

    const failed = await waiting(2);
    await trouble.approve(failed.id);
    await relayed();
    await runs(failed.id, (await trouble.remedies(failed.id))[0]?.agent_id ?? '', 'no such file');
    await until(failed.id, 'AWAITING_DECISION');
    await trouble.incidents.reject(failed.id, 'known', DECIDER);
    await relayed();
    await failed.handle.result();
    await recordHistory(failed.handle, 'incident.canary-failed.json');
    // As it goes since somebody is told of it.
    await recordHistory(failed.handle, 'incident.fallen-back.json');

    const stopped = await waiting(2);
    await trouble.approve(stopped.id);
    await relayed();
    await eventually(async () =>
      trouble.remedyTask(stopped.id, (await trouble.remedies(stopped.id))[0]?.agent_id ?? ''),
    );
    await plane.syncClock();
    await trouble.incidents.stop(stopped.id, 'odd', DECIDER);
    await relayed();
    await plane.pass(2);
    await until(stopped.id, 'AWAITING_DECISION');
    await trouble.incidents.reject(stopped.id, 'known', DECIDER);
    await relayed();
    await stopped.handle.result();
    await recordHistory(stopped.handle, 'incident.stopped.json');

    const unseen = await waiting(1);
    await trouble.approve(unseen.id);
    await plane.syncClock();
    await trouble.incidents.stop(unseen.id, 'odd', DECIDER);
    await relayed();
    await eventually(async () => {
      const { events } = await unseen.handle.fetchHistory();
      const notices = (events ?? []).filter(
        ({ activityTaskScheduledEventAttributes: scheduled }) =>
          scheduled?.activityType?.name === 'notifyIncident',
      );
      if (notices.length < 2) throw new Error('Nobody is told yet');
    });
    await until(unseen.id, 'AWAITING_DECISION');
    await trouble.incidents.reject(unseen.id, 'known', DECIDER);
    await relayed();
    await unseen.handle.result();
    await recordHistory(unseen.handle, 'incident.stopped-unseen.json');

    const expired = await waiting(1);
    await plane.pass(259_300);
    await expired.handle.result();
    await recordHistory(expired.handle, 'incident.expired.json');
  } finally {
    await analysis.stop();
  }
}
