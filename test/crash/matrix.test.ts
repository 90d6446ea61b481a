import { setTimeout as delay } from 'node:timers/promises';
import { PROCESS_NAMES } from '../../cli/platform/run-records.ts';
import { unexpected } from './support/insist.ts';
import { Lane } from './support/lane.ts';
import { LEAD_MS, POINTS, SHORT_TIMERS } from './support/points.ts';
import { proveAgentsAudit, proveEnded } from './support/proof.ts';
import { Rig } from './support/rig.ts';

let rig: Rig;
let agents: Awaited<ReturnType<Rig['enrol']>>;

beforeAll(async () => {
  rig = await Rig.start(SHORT_TIMERS);
  agents = await rig.enrol(POINTS.length);
}, 120_000);

afterAll(() => rig?.dispose());

describe.each(PROCESS_NAMES)('after %s was killed between any two steps', (victim) => {
  test('each task has one final state, one closed workflow that agrees, and an unbroken audit', async () => {
    const lanes = POINTS.map((point, index) => {
      const identity = agents[index];
      if (identity === undefined) throw new Error('too few agents');
      return { point, lane: new Lane(rig, rig.agent(identity)) };
    });
    await Promise.all(lanes.map(({ point, lane }) => point.park(lane)));

    const killAt = performance.now() + LEAD_MS;
    const around = lanes.map(({ point, lane }) => {
      lane.killAt = killAt;
      return point.meanwhile?.(lane);
    });
    await delay(LEAD_MS);
    const down = performance.now();
    await rig.strike(victim);
    const downMs = Math.round(performance.now() - down);

    await Promise.all(around);
    await Promise.all(lanes.map(({ point, lane }) => point.resume?.(lane)));
    const ended = await proveEnded(
      rig,
      lanes.flatMap(({ lane }) => lane.tasks),
    );
    const settledMs = Math.round(performance.now() - down);

    for (const { point, lane } of lanes) {
      expect([point.name, lane.tasks.map((task) => ended.get(task)?.status)]).toEqual([
        point.name,
        lane.tasks.map(() => point.ends),
      ]);
      await lane.agent.close();
    }
    await proveAgentsAudit(rig, agents);
    expect(unexpected).toEqual([]);
    process.stderr.write(
      `${victim} killed: ${ended.size} tasks, back after ${downMs} ms, all settled after ${settledMs} ms\n`,
    );
  }, 240_000);
});
