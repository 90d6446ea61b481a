import { rolloutPlanSchema } from '../../contracts/deployment/deployment.ts';
import { judgeRing, type RingCounts, tooManyFailures } from '../../contracts/deployment/gates.ts';
import { gatesSchema, isTimeZone, ringSchema, windowSchema } from '../../contracts/deployment/rings.ts';
import { assessRisk, type RiskFacts } from '../../contracts/deployment/risk.ts';
import { windowState } from '../../contracts/deployment/windows.ts';
import { BUSY_MS, sleepAfter } from '../../workflows/deployment/pace.ts';
import { fc } from '../harness/properties.ts';

describe('risk', () => {
  const harmless: RiskFacts = {
    devices: 1,
    fleet: 1_000,
    critical_devices: 0,
    first_ring_devices: 1,
    findings: { critical: 0, high: 0, medium: 0, low: 0 },
    exceptions: 0,
    signed: true,
    signing_days_left: 300,
    rollback: 'previous_version',
  };
  const pointsOf = (facts: Partial<RiskFacts>) =>
    Object.fromEntries(
      assessRisk({ ...harmless, ...facts }).factors.map(({ factor, points }) => [factor, points]),
    );

  it('shows each factor with its reason, and adds them up', () => {
    const { score, factors } = assessRisk(harmless);
    expect(factors.map(({ factor }) => factor)).toEqual([
      'blast_radius',
      'platform_criticality',
      'scan_findings',
      'exceptions',
      'signing',
      'rollback_plan',
    ]);
    expect(score).toBe(factors.reduce((sum, { points }) => sum + points, 0));
    expect(score).toBeLessThan(15);
    expect(factors.reduce((sum, { max_points }) => sum + max_points, 0)).toBe(100);
    for (const { reason } of factors) expect(reason).toMatch(/\w/);
  });

  it.each([
    [{ devices: 0, fleet: 0, first_ring_devices: 0 }, 'blast_radius', 0],
    [{ devices: 10_000, fleet: 10_000, first_ring_devices: 10_000 }, 'blast_radius', 30],
    [{ critical_devices: 1 }, 'platform_criticality', 20],
    [{ devices: 100, critical_devices: 1 }, 'platform_criticality', 10],
    [{ findings: { critical: 1, high: 0, medium: 0, low: 0 } }, 'scan_findings', 20],
    [{ findings: { critical: 0, high: 1, medium: 0, low: 0 } }, 'scan_findings', 14],
    [{ findings: { critical: 0, high: 0, medium: 4, low: 0 } }, 'scan_findings', 4],
    [{ exceptions: 1 }, 'exceptions', 5],
    [{ exceptions: 5 }, 'exceptions', 10],
    [{ signed: false }, 'signing', 10],
    [{ signing_days_left: 10 }, 'signing', 5],
    [{ signing_days_left: -1 }, 'signing', 10],
    [{ signing_days_left: null }, 'signing', 0],
    [{ rollback: 'uninstall' }, 'rollback_plan', 5],
    [{ rollback: 'impossible' }, 'rollback_plan', 10],
    [{ rollback: 'none' }, 'rollback_plan', 10],
  ] as const)('%j: %s is %i', (facts, factor, points) => {
    expect(pointsOf(facts)[factor]).toBe(points);
  });

  it('stays within 0 and 100, and never falls when something gets worse', () => {
    const count = fc.nat(20_000);
    const facts = fc.record({
      devices: count,
      fleet: count,
      critical_devices: fc.nat(100),
      first_ring_devices: count,
      findings: fc.record({ critical: fc.nat(3), high: fc.nat(9), medium: fc.nat(99), low: fc.nat(99) }),
      exceptions: fc.nat(9),
      signed: fc.boolean(),
      signing_days_left: fc.option(fc.integer({ min: -5, max: 900 })),
      rollback: fc.constantFrom<RiskFacts['rollback']>(
        ...(['previous_version', 'uninstall', 'impossible', 'none'] as const),
      ),
    });
    fc.assert(
      fc.property(facts, (given) => {
        const { score } = assessRisk({ ...given, devices: Math.min(given.devices, given.fleet) });
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(100);
        const worse = {
          ...given,
          devices: Math.min(given.devices, given.fleet),
          exceptions: given.exceptions + 1,
          rollback: 'none' as const,
        };
        expect(assessRisk(worse).score).toBeGreaterThanOrEqual(score);
      }),
    );
  });
});

describe('gates', () => {
  const counts = (more: Partial<RingCounts>): RingCounts => ({
    waiting: 0,
    dispatched: 0,
    installed: 0,
    sick: 0,
    failed: 0,
    skipped: 0,
    unreachable: 0,
    failed_by_kind: {},
    ...more,
  });
  const gates = (more: object) => gatesSchema.parse(more);

  it.each([
    [{}, { installed: 90, failed: 10 }, undefined],
    [{}, { installed: 89, failed: 11 }, /11 of 100 devices failed \(11\)/],
    [{}, { installed: 89, sick: 6, failed: 5 }, /became sick \(6\)/],
    [{ judge_after: 20 }, { installed: 0, failed: 1 }, undefined],
    [{ judge_after: 20 }, { installed: 10, failed: 10 }, /10 of 20/],
    [{ max_failures: { count: 0 } }, { installed: 99, failed: 1 }, /more than 0/],
    [{ max_failures: { count: 1 } }, { installed: 0, failed: 1 }, undefined],
    [
      { max_failures_by_kind: { signature: { count: 0 } } },
      { installed: 99, failed: 1, failed_by_kind: { signature: 1 } },
      /1 of 100 devices: signature; more than 0/,
    ],
    [
      { max_failures_by_kind: { download: { percent: 2 } } },
      { installed: 97, failed: 3, failed_by_kind: { download: 3 } },
      /download; more than 2 %/,
    ],
    [{ max_failures_by_kind: { sick: { count: 0 } } }, { installed: 99, sick: 1 }, /sick/],
    [{ max_failures: { percent: 0 } }, { installed: 5 }, undefined],
  ] as const)('%j with %j', (given, counted, why) => {
    const told = tooManyFailures(gates(given), counts(counted));
    if (why === undefined) expect(told).toBeUndefined();
    else expect(told).toMatch(why);
  });

  const now = new Date('2026-11-25T12:00:00Z');
  const hours = (count: number) => new Date(now.getTime() + count * 3_600_000);
  const ring = ringSchema.parse({
    name: 'r',
    size: { rest: true },
    soak_seconds: 7_200,
    deadline_after_seconds: 86_400,
  });
  const judge = (
    state: 'ROLLING' | 'SOAKING',
    counted: Partial<RingCounts>,
    { base = now, soak = null }: { base?: Date; soak?: Date | null } = {},
  ) => judgeRing(ring, state, counts(counted), { now, base, soak_started_at: soak });

  it('fill a ring until enough devices have an outcome and the others are out of reach', () => {
    expect(judge('ROLLING', { waiting: 10 })).toMatchObject({ what: 'fill', look_again_at: hours(24) });
    expect(judge('ROLLING', { waiting: 1, installed: 99 })).toMatchObject({ what: 'fill' });
    expect(judge('ROLLING', { waiting: 1, installed: 99, unreachable: 1 })).toMatchObject({ what: 'soak' });
    expect(judge('ROLLING', { waiting: 10, installed: 90, unreachable: 10 })).toMatchObject({ what: 'fill' });
  });

  it('let a ring soak, then pass', () => {
    expect(judge('ROLLING', { installed: 10 })).toMatchObject({ what: 'soak', look_again_at: hours(2) });
    expect(judge('SOAKING', { installed: 10 }, { soak: hours(-1) })).toMatchObject({
      what: 'soak',
      look_again_at: hours(1),
    });
    expect(judge('SOAKING', { installed: 10 }, { soak: hours(-2) })).toMatchObject({ what: 'pass' });
    expect(judge('ROLLING', {})).toMatchObject({ what: 'pass' });
    expect(judge('ROLLING', { skipped: 3 })).toMatchObject({ what: 'pass' });
  });

  it('hold a ring that has too little success, or whose deadline passed with too few', () => {
    expect(judge('SOAKING', { installed: 93, failed: 7 }, { soak: hours(-2) })).toMatchObject({
      what: 'hold',
      reason: '93 of 100 devices installed; 95 % are needed to go on',
    });
    const late = { base: hours(-24) };
    expect(judge('ROLLING', { waiting: 6, installed: 94 }, late)).toMatchObject({ what: 'hold' });
    expect(judge('ROLLING', { waiting: 5, installed: 95 }, late)).toMatchObject({ what: 'soak' });
    expect(judge('SOAKING', { installed: 1, failed: 1 })).toMatchObject({ what: 'stop' });
  });
});

describe('maintenance windows', () => {
  const nights = [windowSchema.parse({ from: '22:00', to: '04:00' })];
  const state = (zone: string, at: string, windows = nights) => {
    const { open, changes_at } = windowState(windows, zone, new Date(at));
    return [open, changes_at?.toISOString() ?? null];
  };

  it('open and close by the clock of the zone', () => {
    expect(state('Europe/Zurich', '2026-11-25T20:59:30Z')).toEqual([false, '2026-11-25T21:00:00.000Z']);
    expect(state('Europe/Zurich', '2026-11-25T21:00:00Z')).toEqual([true, '2026-11-26T03:00:00.000Z']);
    expect(state('America/New_York', '2026-11-25T21:00:00Z')).toEqual([false, '2026-11-26T03:00:00.000Z']);
    expect(state('Asia/Kathmandu', '2026-11-25T16:14:00Z')).toEqual([false, '2026-11-25T16:15:00.000Z']);
    expect(state('Pacific/Apia', '2026-11-25T12:00:00Z')).toEqual([true, '2026-11-25T15:00:00.000Z']);
  });

  it('belong to the day on which they begin', () => {
    const friday = [windowSchema.parse({ days: ['fri'], from: '22:00', to: '04:00' })];
    expect(state('UTC', '2026-11-28T03:00:00Z', friday)).toEqual([true, '2026-11-28T04:00:00.000Z']);
    expect(state('UTC', '2026-11-27T03:00:00Z', friday)).toEqual([false, '2026-11-27T22:00:00.000Z']);
    expect(state('UTC', '2026-11-28T04:00:00Z', friday)).toEqual([false, '2026-12-04T22:00:00.000Z']);
  });

  it('keep their hours when clocks are put forward, and do not open in an hour that is leapt over', () => {
    // Zurich, 29 March 2026: 02:00 becomes 03:00.
    expect(state('Europe/Zurich', '2026-03-28T21:00:00Z')).toEqual([true, '2026-03-29T02:00:00.000Z']);
    expect(state('Europe/Zurich', '2026-03-29T19:59:00Z')).toEqual([false, '2026-03-29T20:00:00.000Z']);
    const leapt = [windowSchema.parse({ from: '02:00', to: '03:00' })];
    expect(state('Europe/Zurich', '2026-03-28T12:00:00Z', leapt)).toEqual([
      false,
      '2026-03-30T00:00:00.000Z',
    ]);
  });

  it('last an hour longer when clocks are put back', () => {
    // Zurich, 25 October 2026: 03:00 becomes 02:00.
    expect(state('Europe/Zurich', '2026-10-24T20:00:00Z')).toEqual([true, '2026-10-25T03:00:00.000Z']);
    const twice = [windowSchema.parse({ from: '02:00', to: '03:00' })];
    expect(state('Europe/Zurich', '2026-10-25T00:00:00Z', twice)).toEqual([true, '2026-10-25T02:00:00.000Z']);
  });

  it('are always open where there is none, or where one lasts all day', () => {
    expect(state('UTC', '2026-11-25T12:00:00Z', [])).toEqual([true, null]);
    const both = [
      windowSchema.parse({ from: '00:00', to: '12:00' }),
      windowSchema.parse({ from: '12:00', to: '00:00' }),
    ];
    expect(state('UTC', '2026-11-25T12:00:00Z', both)).toEqual([true, null]);
  });

  it.each([
    [{ from: '22:00', to: '22:10' }, /30 minutes/],
    [{ from: '22:00', to: '22:00' }, /30 minutes/],
    [{ from: '24:00', to: '22:00' }, /time such as/],
    [{ days: [], from: '01:00', to: '02:00' }, /./],
  ])('that cannot be are refused: %j', (window, why) => {
    expect(windowSchema.safeParse(window).error?.message).toMatch(why);
  });

  it('know time zones', () => {
    expect([
      isTimeZone('Europe/Zurich'),
      isTimeZone('UTC'),
      isTimeZone('Mars/Phobos'),
      isTimeZone(''),
    ]).toEqual([true, true, false, false]);
  });
});

describe('plans', () => {
  const ring = (name: string, size: object, more: object = {}) => ({ name, size, ...more });
  it.each([
    [[ring('a', { rest: true }), ring('b', { count: 1 })], /rest is for the last ring/],
    [[ring('a', { count: 1 }), ring('a', { rest: true })], /name of another ring/],
    [[ring('a', { count: 1, percent: 1 })], /./],
    [[], /./],
    [[ring('a', { rest: true }, { starts_after_seconds: 60, deadline_after_seconds: 60 })], /later than/],
  ])('are refused where they make no sense: %#', (rings, why) => {
    expect(rolloutPlanSchema.safeParse({ rings }).error?.message).toMatch(why);
  });
});

describe('the pace of looks', () => {
  const pass = { progressed: false, due_in_ms: null, patience_ms: 15_000 };
  const sleep = (more: object, idle: number) =>
    sleepAfter({ ...pass, ...more } as Parameters<typeof sleepAfter>[0], idle);
  it('is quick while something moves, and slower after each look in vain', () => {
    expect(sleep({ progressed: true }, 9)).toBe(BUSY_MS);
    expect([0, 1, 2, 3, 50].map((idle) => sleep({}, idle))).toEqual([4_000, 8_000, 15_000, 15_000, 15_000]);
  });
  it('never sleeps past a moment that is known', () => {
    expect(sleep({ due_in_ms: 1_200 }, 5)).toBe(1_200);
    expect(sleep({ due_in_ms: 0 }, 5)).toBe(1);
    expect(sleep({ due_in_ms: 90_000 }, 5)).toBe(15_000);
  });
});
