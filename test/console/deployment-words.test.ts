import { effectOf, standingOf } from '../../console/pages/deployment-words.ts';
import type { DeploymentRing } from '../../contracts/deployment/deployment.ts';

type Counts = Pick<DeploymentRing, 'devices' | 'failures'>;

const RINGS: readonly Counts[] = [
  {
    devices: { INSTALLED: 4, SICK: 1, FAILED: 3, SKIPPED: 2 },
    // The package never reached the machine of the first two.
    failures: { download: 1, requirements: 1, install: 1 },
  },
  { devices: { WAITING: 1_000, DISPATCHED: 5, ROLLED_BACK: 1 }, failures: {} },
];
const IDLE: readonly Counts[] = [{ devices: { INSTALLED: 1, WAITING: 1 }, failures: {} }];

describe('What is asked before a word on a deployment', () => {
  it('tells devices that the package has touched from those that it never reached', () => {
    expect(standingOf(RINGS)).toEqual({ waiting: 1_000, atWork: 5, touched: 6, all: 1_016 });
  });

  it.each([
    ['pause', 'given no more tasks: 1,000 devices. Of 5 devices with a task'],
    ['resume', 'also past a ring that did not pass by itself: 1,000 devices.'],
    ['abort', 'Touched by it, and left as they are: 6 devices.'],
    ['roll_back', 'which is removed again: 6 devices. Of 5 devices with a task'],
    ['roll_back', 'go back when theirs have ended. Left alone: 1,005 devices.'],
  ] as const)('says of %s: %s', (word, effect) => {
    expect(effectOf(word, { previous_pipeline_id: null }, RINGS)).toContain(effect);
  });

  it('speaks of tasks only where there are some, and of the version before where there is one', () => {
    const said = effectOf('roll_back', { previous_pipeline_id: 'p' }, IDLE);
    expect(said).toBe(
      'Touched by the package, and taken back to the version before: one device. Left alone: one device.',
    );
  });
});
