import { FIRST_PACE, nextPace, type Pace, type Strain } from '../../simulator/load/pace.ts';

const EASY: Strain = { heartbeatP99Ms: 20, overdue: 0, begun: 1_000, busy: 0.5 };
const at = (rate: number, more: Partial<Pace> = {}): Pace => ({ ...FIRST_PACE, rate, ...more });

describe('The rate of tasks', () => {
  it('grows while check-ins are quick and workflows follow', () => {
    expect(nextPace(at(10), EASY).rate).toBeCloseTo(10.7);
    expect(nextPace(at(499), EASY).rate).toBe(500);
  });

  it('stays when it is close to what the machine takes', () => {
    expect(nextPace(at(10), { ...EASY, heartbeatP99Ms: 250 })).toEqual(at(10));
    expect(nextPace(at(10), { ...EASY, overdue: 30 })).toEqual(at(10));
    expect(nextPace(at(10), { ...EASY, busy: 0.9 })).toEqual(at(10));
  });

  it.each([
    ['check-ins suffer', { ...EASY, begun: 10, heartbeatP99Ms: 500 }],
    ['workflows do not follow', { ...EASY, begun: 10, overdue: 1_000 }],
  ])('falls when %s, and then waits to see what that does', (_, strain) => {
    let pace = nextPace(at(10), strain);
    expect(pace).toEqual({ rate: 7, known: 8.5, patience: 4 });
    for (let look = 0; look < 4; look += 1) pace = nextPace(pace, strain);
    expect(pace).toEqual({ rate: 7, known: 8.5, patience: 0 });
  });

  it('falls again only when what was ordered before is felt no longer', () => {
    const suffering = { ...EASY, heartbeatP99Ms: 500 };
    expect(nextPace(at(7), { ...suffering, begun: 10 })).toEqual(at(7));
    expect(nextPace(at(7), { ...suffering, begun: 7.5 }).rate).toBeCloseTo(4.9);
  });

  it('does not run far ahead of what is felt', () => {
    expect(nextPace(at(10), { ...EASY, begun: 6 }).rate).toBe(10);
    expect(nextPace(at(10), { ...EASY, begun: 8 }).rate).toBeCloseTo(10.6);
    expect(nextPace(FIRST_PACE, { ...EASY, begun: 0 }).rate).toBe(2);
  });

  it('never falls to nothing', () => {
    expect(nextPace(at(0.5), { ...EASY, begun: 0, heartbeatP99Ms: 500 }).rate).toBe(0.5);
  });

  it('grows quickly up to what hurt before, and slowly beyond it', () => {
    expect(nextPace(at(7.4, { known: 7.5 }), EASY).rate).toBe(7.5);
    expect(nextPace(at(7.5, { known: 7.5 }), EASY).rate).toBeCloseTo(7.575);
  });

  it.each([
    ['check-ins', (felt: number) => ({ heartbeatP99Ms: felt > 12 ? 1_000 : 50, busy: 0.5 })],
    ['processors', (felt: number) => ({ heartbeatP99Ms: 50, busy: (0.85 * felt) / 12 })],
  ])('settles near what the %s of a fleet take that feels it half a minute later', (_, strain) => {
    const takes = 12;
    const ordered: number[] = [];
    let pace = FIRST_PACE;
    for (let look = 0; look < 240; look += 1) {
      ordered.push(pace.rate);
      const arriving = ordered.slice(-13, -1);
      const begun = arriving.reduce((sum, rate) => sum + rate, 0) / 12;
      pace = nextPace(pace, { ...strain(begun), overdue: 0, begun });
    }
    const later = ordered.slice(60);
    expect(Math.max(...ordered)).toBeLessThan(takes * 1.3);
    expect(later.reduce((sum, rate) => sum + rate, 0) / later.length).toBeGreaterThan(takes * 0.8);
  });
});
