import { MEASURED } from '../../../simulator/bench/capacity/coefficients.ts';
import { printCapacity } from '../../../simulator/bench/capacity/command.ts';
import { capacityFor, USUAL } from '../../../simulator/bench/capacity/model.ts';
import { UsageError } from '../../../simulator/bench/options.ts';

const forAgents = (agents: number, change: object = {}) =>
  capacityFor({ ...USUAL, agents, ...change }, MEASURED);

it('a fleet ten times as large loads everything ten times as much, and never needs less', () => {
  const small = forAgents(1_000_000);
  const large = forAgents(10_000_000);
  for (const name of ['api', 'worker', 'postgres', 'temporal'] as const)
    expect(large.cores[name]).toBeCloseTo(10 * small.cores[name], 6);
  expect(large.postgres.disk_gib / small.postgres.disk_gib).toBeCloseTo(10, 1);
  expect(large.cost_a_month).toBeGreaterThan(small.cost_a_month);
  expect(large.temporal.shards).toBeGreaterThanOrEqual(small.temporal.shards);
});

it('no replica is planned beyond its share of a core, and two of each may not become one', () => {
  for (const agents of [1, 100_000, 1_000_000, 10_000_000]) {
    const plan = forAgents(agents);
    expect(plan.cores.api / plan.api_replicas).toBeLessThanOrEqual(0.6);
    expect(plan.cores.worker / plan.worker_replicas).toBeLessThanOrEqual(0.6);
    expect(Math.min(plan.api_replicas, plan.worker_replicas)).toBeGreaterThanOrEqual(2);
    expect(Math.log2(plan.temporal.shards) % 1).toBe(0);
  }
});

it('what breaks first is what is nearest to its limit', () => {
  const { breaks_first, limits } = forAgents(10_000_000);
  expect(breaks_first.used).toBe(Math.max(...Object.values(limits)));
  expect(limits[breaks_first.what]).toBe(breaks_first.used);
  expect(forAgents(10_000_000, { reconnect_s: 1 }).breaks_first.what).toContain('handshakes');
});

it('prints one line for three sizes, or for the one that is asked for', () => {
  const lines: string[] = [];
  printCapacity([], (line) => lines.push(line));
  printCapacity(['--agents', '5000', '--tasks_a_day_and_agent', '10'], (line) => lines.push(line));
  const [three, one] = lines.map(
    (line) => JSON.parse(line) as { sizes: { agents: number }[]; fleet: object },
  );
  expect(three?.sizes.map(({ agents }) => agents)).toEqual([100_000, 1_000_000, 10_000_000]);
  expect(one?.sizes.map(({ agents }) => agents)).toEqual([5_000]);
  expect(one?.fleet).toMatchObject({ tasks_a_day_and_agent: 10 });
});

it.each([[['--agents', '0']], [['--agents', 'many']], [['--colour', 'red']]])('refuses %j', (args) => {
  expect(() => printCapacity(args, () => undefined)).toThrow(UsageError);
});
