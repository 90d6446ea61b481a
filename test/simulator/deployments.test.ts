import type { DeploymentStatus } from '../../contracts/deployment/states.ts';
import { judgeDeployments } from '../../simulator/checks/deployments.ts';
import type { DeploymentEvidence } from '../../simulator/evidence/evidence.ts';
import { type DeploymentFigures, IntentDeployments } from '../../simulator/load/deployment.ts';
import type { Order } from '../../simulator/load/orders.ts';

const AGENTS = Array.from({ length: 300 }, (_, n) => `agent-${n}`);
const found = (status: DeploymentStatus, devices: DeploymentEvidence['devices']): DeploymentEvidence => ({
  ...{ status, reason: 'because', rings: ['STOPPED', 'WAITING', 'WAITING'], devices },
  installs: { completed: 80, failed: 20 },
});

/** A driver on a database that says one thing after the other, the last one for ever. */
function driver(...said: DeploymentEvidence[]) {
  const orders: Order[] = [];
  const packageFailures = new Map<string, number>();
  let packages = 0;
  const next = (): number => {
    packages += 1;
    return packages;
  };
  const deployments = new IntentDeployments({
    orders: {
      deploy: async (order) => {
        orders.push(order);
        return 'deployment';
      },
    },
    evidence: {
      deployment: async () => (said.length > 1 ? said.shift() : said[0]) as DeploymentEvidence,
    },
    prepare: async (all) => all.map(({ name, version }) => `${name} ${version}, number ${next()}`),
    packageFailures,
  });
  return { deployments, orders, packageFailures };
}
const ORDER = { package_name: 'tool', agents: 300, failure_share: 0.2 };

it('orders the second version of a package, in three rings; only its installs fail', async () => {
  const { deployments, orders, packageFailures } = driver(found('ROLLING_OUT', {}));
  expect(await deployments.begin(ORDER, AGENTS)).toBe('deployment');
  expect(orders).toMatchObject([{ pipelineId: 'tool 2.0.0, number 2', agentIds: AGENTS }]);
  expect(orders[0]?.rings.map(({ size }) => size)).toEqual([{ count: 100 }, { percent: 10 }, { rest: true }]);
  expect([...packageFailures]).toEqual([['tool 2.0.0-1', 0.2]]);
});

it('is under way as long as something is to be expected, and has ended when nothing is', async () => {
  const { deployments } = driver(
    found('ROLLING_OUT', {}),
    found('ROLLING_OUT', {
      WAITING: { count: 200, reachable: 199 },
      DISPATCHED: { count: 30, reachable: 30 },
    }),
    found('ROLLING_BACK', {
      ROLLING_BACK: { count: 30, reachable: 20 },
      WAITING: { count: 200, reachable: 200 },
    }),
    found('ROLLING_BACK', {
      ROLLING_BACK: { count: 10, reachable: 0 },
      ROLLED_BACK: { count: 20, reachable: 20 },
    }),
  );
  await deployments.begin(ORDER, AGENTS);
  const open: number[] = [];
  for (let looks = 0; looks < 4; looks += 1) open.push((await deployments.progress('deployment')).open);
  expect(open).toEqual([1, 230, 20, 0]);
  expect(await deployments.progress('deployment')).toMatchObject({ tasks: 300, status: 'ROLLING_BACK' });
  expect(await deployments.figures()).toMatchObject([
    {
      completed: 80,
      failed: 20,
      rolled_back: 20,
      installed: 0,
      reason: 'because',
      ended_s: expect.any(Number),
    },
  ]);
});

it.each(['PAUSED', 'COMPLETED', 'ROLLED_BACK'] as const)('has ended when it is %s', async (status) => {
  const { deployments } = driver(found(status, { WAITING: { count: 5, reachable: 5 } }));
  await deployments.begin(ORDER, AGENTS);
  expect((await deployments.progress('deployment')).open).toBe(0);
});

describe('Deployments end as they should', () => {
  const figures = (more: Partial<DeploymentFigures>): DeploymentFigures => ({
    ...{ id: 'd', package_name: 'tool', agents: 100, failure_share: 0.2, accepted_ms: 1, ended_s: 1 },
    ...{ installs_per_second: 1, completed: 80, failed: 20, rolled_back: 100, installed: 0 },
    ...{ status: 'ROLLED_BACK', reason: 'because', rings: ['STOPPED', 'WAITING'] },
    ...more,
  });
  const wrong = (more: Partial<DeploymentFigures>) => judgeDeployments([figures(more)]).examples;

  it('when a bad package was stopped by a gate and taken back, and a good one came to its end', () => {
    expect(
      judgeDeployments([figures({}), figures({ failure_share: 0.02, status: 'COMPLETED' })]),
    ).toMatchObject({
      passed: true,
      checked: 200,
    });
  });

  it('not when a bad one went on, was stopped by something else, or is still installed', () => {
    expect(wrong({ status: 'COMPLETED', rings: ['PASSED', 'PASSED'] })).toEqual([
      'tool is COMPLETED, its rings PASSED, PASSED: no gate stopped it',
    ]);
    expect(wrong({ rings: ['PASSED', 'ROLLING'] })).toHaveLength(1);
    expect(wrong({ installed: 3 })).toEqual(['3 devices still have tool']);
  });

  it('not when a good one did not reach its end', () => {
    expect(wrong({ failure_share: 0.02, status: 'PAUSED' })).toEqual(['tool is PAUSED: because']);
    expect(wrong({ failure_share: 0.12, status: 'PAUSED' })).toEqual([]);
  });
});
