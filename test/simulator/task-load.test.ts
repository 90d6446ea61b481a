import type { Fleet } from '../../simulator/fleet/fleet.ts';
import { TaskLoad } from '../../simulator/load/task-load.ts';
import { Recorder } from '../../simulator/measure/recorder.ts';
import type { Operator } from '../../simulator/platform/operator.ts';

afterEach(() => jest.useRealTimers());

/** A load on a platform that takes everything at once. */
function loadOf(tasksPerSecond: number) {
  const asked: unknown[] = [];
  const load = new TaskLoad({
    fleet: { agents: [{ id: 'agent-1' }], context: { chance: { bits: () => 7 } } } as unknown as Fleet,
    operator: {
      call: async (_method: string, _path: string, body: unknown) => {
        asked.push(body);
        return { id: `task-${asked.length}` };
      },
    } as unknown as Operator,
    recorder: new Recorder(),
    tasksPerSecond,
    overdue: async () => 0,
    lookEveryMs: 5_000,
  });
  return { load, asked };
}

describe('The load of tasks', () => {
  it.each([0.5, 20])('creates what its rate of %d a second says', async (rate) => {
    jest.useFakeTimers();
    const { load, asked } = loadOf(rate);
    load.start();
    await jest.advanceTimersByTimeAsync(10_000);
    await load.stop();
    expect(Math.abs(asked.length - 10 * rate)).toBeLessThanOrEqual(1);
    expect(load.created).toHaveLength(asked.length);
    expect(asked[0]).toMatchObject({ agent_id: 'agent-1', task_type: 'REMEDIATE' });
  });
});
