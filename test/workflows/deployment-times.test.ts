import { type MaintenanceWindow, WEEKDAYS } from '../../contracts/deployment/rings.ts';
import { windowState } from '../../contracts/deployment/windows.ts';
import { ring } from '../db/support/rollout.ts';
import { eventually } from '../harness/eventually.ts';
import { DAY, DeploymentStage } from './support/deployment-stage.ts';
import { countEvents } from './support/history.ts';

/** Seconds. */
const HOUR = 3_600;

let stage: DeploymentStage;
beforeAll(async () => {
  stage = await DeploymentStage.start();
});
afterAll(() => stage?.stop());
beforeEach(() => stage.reset());

it('opens a maintenance window in the device’s zone by itself, days later', async () => {
  const now = new Date(await stage.env.currentTimeMs());
  const day = WEEKDAYS[(now.getUTCDay() + 1) % 7] ?? 'mon';
  const windows: MaintenanceWindow[] = [{ days: [day], from: '01:00', to: '05:00' }];
  const opens = windowState(windows, 'Europe/Zurich', now).changes_at?.getTime() ?? 0;
  const id = await stage.created({
    windows,
    time_zone: 'Europe/Zurich',
  });
  await stage.decide(id, 'approve');
  await eventually(async () =>
    expect(await stage.details(id)).toMatch(/outside the maintenance window in Europe\/Zurich/),
  );
  await stage.plane.pass((opens - now.getTime()) / 1_000 - 600);
  expect(await stage.rollouts.devices(id, 'WAITING')).toHaveLength(2);
  // No longer than that: tasks that nobody works on are looked at often.
  await stage.plane.pass(660);
  await stage.workUntil(id, async () => (await stage.status(id)) === 'COMPLETED');
  const { rows } = await stage.database.pool.query<{ hours: number }>(
    `SELECT DISTINCT extract(hour FROM dispatched_at AT TIME ZONE 'Europe/Zurich')::int AS hours FROM deployment_device WHERE deployment_id = $1`,
    [id],
  );
  expect(rows).toEqual([{ hours: 1 }]);
}, 120_000);

it('pauses when an exception ends mid-rollout', async () => {
  const group = 'excused';
  await stage.rollouts.online(2, { group });
  const exception = await stage.rollouts.exception(6 * HOUR, group);
  const pipeline_id = await stage.rollouts.pipeline({ name: group, exceptions: [exception] });
  const plan = {
    rings: [ring('canary', { count: 1 }, { soak_seconds: 12 * HOUR }), ring('all', { rest: true })],
  };
  const id = await stage.rollouts.begin({ pipeline_id, selection: { tag: `group=${group}` }, plan });
  await stage.tell();
  await stage.workUntil(id, async () => (await stage.rollouts.rings(id))[0] === 'SOAKING');
  await stage.plane.pass(12 * HOUR + 60);
  await eventually(async () => expect(await stage.status(id)).toBe('PAUSED'));
  expect((await stage.rollouts.show(id)).reason).toMatch(/has expired/);
  await stage.say(id, 'abort');
  expect(await stage.handle(id).result()).toMatchObject({ status: 'ABORTED' });
}, 120_000);

it('sleeps longer while nothing moves: a week of soak costs few looks', async () => {
  const id = await stage.created({ rings: [ring('all', { rest: true }, { soak_seconds: 7 * DAY })] }, 1);
  await stage.decide(id, 'approve');
  await stage.workUntil(id, async () => (await stage.rollouts.rings(id))[0] === 'SOAKING');
  await stage.plane.pass(3_600);
  const before = await countEvents(stage.handle(id), 'activityTaskScheduledEventAttributes');
  await stage.plane.pass(6 * 3_600);
  const looks = (await countEvents(stage.handle(id), 'activityTaskScheduledEventAttributes')) - before;
  expect(looks).toBeGreaterThan(30);
  expect(looks).toBeLessThanOrEqual(37);
  await stage.handle(id).terminate();
});
