import { FIRST_PACE, nextPace, type Pace, type Strain } from '../../simulator/load/pace.ts';

const EASY: Strain = { heartbeatP99Ms: 20, overdue: 0 };
const at = (rate: number, more: Partial<Pace> = {}): Pace => ({ ...FIRST_PACE, rate, ...more });

describe('The rate of tasks', () => {
  it('grows while check-ins are quick and workflows follow', () => {
    expect(nextPace(at(10), EASY).rate).toBeCloseTo(10.7);
    expect(nextPace(at(499), EASY).rate).toBe(500);
  });

  it('stays when it is close to what the machine takes', () => {
    expect(nextPace(at(10), { ...EASY, heartbeatP99Ms: 250 })).toEqual(at(10));
    expect(nextPace(at(10), { ...EASY, overdue: 30 })).toEqual(at(10));
  });

  it.each([
    ['check-ins suffer', { ...EASY, heartbeatP99Ms: 500 }],
    ['workflows do not follow', { ...EASY, overdue: 1_000 }],
  ])('falls when %s, and then waits to see what that does', (_, strain) => {
    let pace = nextPace(at(10), strain);
    expect(pace).toEqual({ rate: 6, known: 7.5, patience: 4 });
    for (let look = 0; look < 4; look += 1) pace = nextPace(pace, strain);
    expect(pace).toEqual({ rate: 6, known: 7.5, patience: 0 });
    expect(nextPace(pace, strain).rate).toBeCloseTo(3.6);
  });

  it('never falls to nothing', () => {
    expect(nextPace(at(0.5), { ...EASY, heartbeatP99Ms: 500 }).rate).toBe(0.5);
  });

  it('grows quickly up to what hurt before, and slowly beyond it', () => {
    expect(nextPace(at(7.4, { known: 7.5 }), EASY).rate).toBe(7.5);
    expect(nextPace(at(7.5, { known: 7.5 }), EASY).rate).toBeCloseTo(7.575);
  });

  it('settles near what a fleet takes that feels it half a minute later', () => {
    const takes = 12;
    const ordered: number[] = [];
    let pace = FIRST_PACE;
    for (let look = 0; look < 240; look += 1) {
      ordered.push(pace.rate);
      const felt = ordered.at(-7) ?? 0;
      pace = nextPace(pace, { heartbeatP99Ms: felt > takes ? 1_000 : 50, overdue: 0 });
    }
    const later = ordered.slice(40);
    expect(Math.max(...later)).toBeLessThan(takes * 1.5);
    expect(later.reduce((sum, rate) => sum + rate, 0) / later.length).toBeGreaterThan(takes * 0.7);
  });
});
