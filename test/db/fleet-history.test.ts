import { MAX_HISTORY_POINTS } from '../../contracts/agent/agent.ts';
import { SAMPLE_SECONDS } from '../../db/stores/agent/fleet-history-store.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { Fleet } from './support/fleet.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database?.dispose());

it('keeps the counts of the fleet once a moment, whoever asks for it', async () => {
  const { fleetHistory } = database.stores;
  const fleet = new Fleet(database);
  // Both samples at once are of one moment.
  await fleet.freeze();
  await fleet.online();
  await fleet.enrol();
  await Promise.all([fleetHistory.sample(), fleetHistory.sample()]);
  await database.setClock(SAMPLE_SECONDS);
  await fleet.online();
  await fleetHistory.sample();
  const { items } = await fleetHistory.list(1);
  expect(items.map(({ by_status }) => [by_status.ONLINE, by_status.UNKNOWN])).toEqual([
    [1, 1],
    [2, 1],
  ]);
  expect(items[1]?.by_platform.linux).toBe(3);
});

it('thins a long history, and forgets what is older than telemetry is kept', async () => {
  await database.pool.query(
    `INSERT INTO fleet_sample SELECT date_bin('5 minutes', now(), 'epoch') - n * interval '5 minutes', '{}', '{}', '{}'
     FROM generate_series(0, 40 * 288) n`,
  );
  const { items } = await database.stores.fleetHistory.list(720);
  expect(items.length).toBeGreaterThan(MAX_HISTORY_POINTS / 2);
  expect(items.length).toBeLessThanOrEqual(MAX_HISTORY_POINTS + 1);
  await database.stores.maintenance.applyRetention();
  const { rows } = await database.pool.query(
    `SELECT count(*)::int AS old FROM fleet_sample WHERE at < now() - interval '31 days'`,
  );
  expect(rows).toEqual([{ old: 0 }]);
});
