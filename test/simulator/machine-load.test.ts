import { Flow } from '../../simulator/load/flow.ts';
import { MachineLoad } from '../../simulator/measure/machine-load.ts';

describe('How busy the machine is', () => {
  it('is a share of its processors, taken between two looks', () => {
    const load = new MachineLoad();
    const until = performance.now() + 300;
    while (performance.now() < until);
    const busy = load.look();
    expect(busy).toBeGreaterThan(0);
    expect(busy).toBeLessThanOrEqual(1);
    expect(load.look()).toBeGreaterThanOrEqual(0);
  });
});

describe('A flow', () => {
  it('is a rate over the last looks', () => {
    const flow = new Flow(2);
    expect(flow.look(10, 0)).toBe(0);
    expect(flow.look(20, 5_000)).toBe(2);
    expect(flow.look(60, 10_000)).toBe(5);
    expect(flow.look(60, 15_000)).toBe(4);
    expect(flow.look(60, 20_000)).toBe(0);
  });
});
