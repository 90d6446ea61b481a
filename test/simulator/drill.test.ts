import { simulationActivities } from '../../simulator/scenarios/activities.ts';
import type { Steering } from '../../simulator/scenarios/steering.ts';
import { repeat, untilTrue } from '../../simulator/timing.ts';

const ORDER = { package_name: 'p', agents: 1, failure_share: 0 };

describe('The hands of scenarios', () => {
  function counted(fails = 0): { steering: Steering; calls: string[] } {
    const calls: string[] = [];
    let left = fails;
    return {
      calls,
      steering: {
        steerSite: (site, { kind }) => calls.push(`${kind} ${site}`),
        beginDeployment: async ({ package_name }) => {
          calls.push(`deploy ${package_name}`);
          left -= 1;
          if (left >= 0) throw new Error('not now');
          return `deployment of ${package_name}`;
        },
        deploymentProgress: async () => ({ tasks: 1, completed: 1, failed: 0, open: 0 }),
        restartPlatform: async (processes) => {
          calls.push(`restart ${processes.join(' ')}`);
        },
      },
    };
  }

  it('begin nothing twice, however often Temporal asks', async () => {
    const { steering, calls } = counted();
    const activities = simulationActivities(steering);
    await activities.restartPlatform('first', ['api']);
    await activities.restartPlatform('first', ['api']);
    await activities.restartPlatform('second', ['api', 'worker']);
    const ids = [await activities.beginDeployment(ORDER), await activities.beginDeployment(ORDER)];
    expect(ids).toEqual(['deployment of p', 'deployment of p']);
    expect(calls).toEqual(['restart api', 'restart api worker', 'deploy p']);
  });

  it('try again what failed', async () => {
    const { steering, calls } = counted(1);
    const activities = simulationActivities(steering);
    await expect(activities.beginDeployment(ORDER)).rejects.toThrow('not now');
    expect(await activities.beginDeployment(ORDER)).toBe('deployment of p');
    expect(calls).toHaveLength(2);
  });
});

describe('Repetitions', () => {
  it('go on after a turn that failed, and tell of it when they are stopped', async () => {
    let turns = 0;
    const repeated = repeat(1, async () => {
      turns += 1;
      if (turns === 2) throw new Error('second turn');
    });
    await untilTrue(() => turns > 3, 60_000, new AbortController().signal);
    await expect(repeated.stop()).rejects.toThrow('second turn');
    await repeated.stop();
    const after = turns;
    expect(after).toBeGreaterThan(3);
  });
});

describe('Waiting', () => {
  const signal = new AbortController().signal;
  it('says whether it came true in time', async () => {
    expect(await untilTrue(() => true, 1_000, signal)).toBe(true);
    expect(await untilTrue(() => false, 1, signal)).toBe(false);
  });

  it('ends when it is given up', async () => {
    await expect(untilTrue(() => false, 60_000, AbortSignal.abort(new Error('enough')))).rejects.toThrow();
  });
});
