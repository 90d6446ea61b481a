import { setTimeout as delay } from 'node:timers/promises';
import type { Identity } from './support/agent.ts';
import { readChanges } from './support/audit-chain.ts';
import { eventually } from './support/insist.ts';
import { Rig, scratchFolder } from './support/rig.ts';

/** So long that whoever comes back does so in time, however slowly the platform starts. */
const OFFLINE_SECONDS = 16;
/** Longer than the offline window and than the silence of all APIs that counts as an outage. */
const DOWN_MS = 18_000;
const SETTINGS = {
  EUCORA_HEARTBEAT_INTERVAL_SECONDS: '2',
  EUCORA_OFFLINE_AFTER_SECONDS: String(OFFLINE_SECONDS),
};
/** The pause below which a presence workflow does not look again, and a busy machine. */
const LATE_MS = 1_500;

let rig: Rig | undefined;
afterAll(() => rig?.dispose());

interface Expiry {
  readonly late_ms: number;
}

/** How long after its own deadline, moved by the outage, an agent was taken OFFLINE. */
async function expiryOf(rig: Rig, agentId: string): Promise<Expiry | undefined> {
  const { rows } = await rig.database.query<Expiry>(
    `SELECT extract(epoch FROM a.offline_since - (p.last_heartbeat_at + make_interval(secs => $2)
       + COALESCE((SELECT sum(o.ended_at - GREATEST(o.began_at, p.last_heartbeat_at)) FROM intake_outage o
                   WHERE o.ended_at > p.last_heartbeat_at), interval '0')))::float8 * 1000 AS late_ms
     FROM agent a JOIN agent_presence p ON p.agent_id = a.id WHERE a.id = $1 AND a.status = 'OFFLINE'`,
    [agentId, OFFLINE_SECONDS],
  );
  return rows[0];
}

test('an outage of the platform takes nobody OFFLINE who comes back in time, and the others at their shifted moment', async () => {
  const dataDir = await scratchFolder();
  const before = await Rig.start(SETTINGS, dataDir);
  const identities = await before.enrol(12);
  const spoken = identities.map((identity) => before.agent(identity));
  // Heard at different moments, so that their deadlines lie apart.
  for (const agent of spoken) {
    await agent.heartbeat();
    await delay(300);
  }
  await before.platform.killAll();
  await before.close();
  for (const agent of spoken) await agent.close();
  await delay(DOWN_MS);

  rig = await Rig.start(SETTINGS, dataDir);
  const { database } = rig;
  const outages = await database.query<{ seconds: number }>(
    'SELECT extract(epoch FROM ended_at - began_at)::float8 AS seconds FROM intake_outage',
  );
  // A machine that stood still for seconds makes short ones of its own, before or after it.
  expect(outages.rows.filter(({ seconds }) => seconds > DOWN_MS / 1_000)).toHaveLength(1);

  // Those come back that had most of their time left when the platform died.
  const silent = identities.slice(0, 6);
  const returning = identities.slice(6);
  const back = returning.map((identity) => (rig as Rig).agent(identity));
  const staying = new AbortController();
  const heartbeats = (async () => {
    while (!staying.signal.aborted) {
      await Promise.all(back.map((agent) => agent.heartbeat().catch(() => [])));
      await delay(1_000);
    }
  })();

  const late: number[] = [];
  for (const { id } of silent) {
    const { late_ms } = await eventually(`${id} goes offline`, 40_000, () => expiryOf(rig as Rig, id));
    late.push(Math.round(late_ms));
  }
  staying.abort();
  await heartbeats;
  process.stderr.write(`silent agents went OFFLINE ${late.join(', ')} ms after their shifted moments\n`);
  expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...late)).toBeLessThan(LATE_MS);

  const changes = await readChanges(
    database,
    'agent',
    identities.map(({ id }) => id),
  );
  const wentOffline = ({ id }: Identity) => changes.get(id)?.some((change) => change.after === 'OFFLINE');
  expect(returning.filter(wentOffline)).toEqual([]);
  expect(silent.filter(wentOffline)).toHaveLength(silent.length);
  for (const agent of back) await agent.close();
}, 180_000);
