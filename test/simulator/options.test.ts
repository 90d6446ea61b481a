import { type SimulationOptions, simulateCommand } from '../../simulator/options.ts';
import { planOf } from '../../simulator/plan.ts';

async function parse(...args: string[]): Promise<SimulationOptions | string> {
  let seen: SimulationOptions | undefined;
  try {
    await simulateCommand(async (options) => {
      seen = options;
    })
      .exitOverride()
      .configureOutput({ writeErr: () => {}, writeOut: () => {} })
      .parseAsync(args, { from: 'user' });
  } catch (error) {
    return (error as Error).message;
  }
  return seen ?? 'nothing';
}

describe('Options of a simulation', () => {
  it('have defaults that run in minutes', async () => {
    expect(await parse()).toMatchObject({
      agents: 1_000,
      durationMs: 120_000,
      seed: 1,
      scenario: 'steady',
      mtls: false,
      heartbeatMs: 60_000,
      register: 1_000,
      tasksPerSecond: undefined,
    });
  });

  it('take times with their unit, and register no more agents than there are', async () => {
    const args = ['--agents', '50', '--duration', '1.5m', '--heartbeat', '500ms', '--scenario', 'partition'];
    expect(await parse(...args, '--mtls', '--tasks-per-second', '3')).toMatchObject({
      agents: 50,
      durationMs: 90_000,
      heartbeatMs: 500,
      scenario: 'partition',
      mtls: true,
      register: 50,
      tasksPerSecond: 3,
      deploymentAgents: 50,
    });
  });

  it.each([
    [['--agents', '0'], /whole number from 1/],
    [['--agents', 'many'], /whole number/],
    [['--duration', '10'], /10m or 1h/],
    [['--absent', '2'], /from 0 to 1/],
    [['--scenario', 'earthquake'], /Allowed choices/],
    [['--what'], /unknown option/],
  ])('refuse %j', async (args, says) => {
    expect(await parse(...args)).toMatch(says);
  });
});

it('a plan fits the whole scenario into the run', async () => {
  const options = (await parse('--duration', '10m', '--scenario', 'bad-package')) as SimulationOptions;
  const plan = planOf(options, new Date('2026-11-25T10:00:00Z'));
  expect(plan).toMatchObject({
    lead_ms: 90_000,
    storm_ms: 120_000,
    partition_ms: 360_000,
    spread_ms: 60_000,
  });
  expect(plan.deployment).toEqual({
    package_name: 'simulated-bad-package',
    agents: 1_000,
    failure_share: 0.2,
  });
  expect(plan.run_id).toMatch(/^20261125100000-bad-package-1000-/);
});
