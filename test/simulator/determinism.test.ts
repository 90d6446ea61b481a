import { type FleetContext, Tally } from '../../simulator/fleet/context.ts';
import { Fleet } from '../../simulator/fleet/fleet.ts';
import { type FleetPlan, profileOf } from '../../simulator/fleet/profile.ts';
import { Chance } from '../../simulator/fleet/random.ts';
import { TimerWheel } from '../../simulator/fleet/timer-wheel.ts';
import type { Call, Reachable, Reply, Transport } from '../../simulator/fleet/transport.ts';
import { VirtualAgent } from '../../simulator/fleet/virtual-agent.ts';
import { Recorder } from '../../simulator/measure/recorder.ts';

const PLAN: FleetPlan = {
  agents: 40,
  durationMs: 600_000,
  heartbeatMs: 60_000,
  telemetryMs: 60_000,
  offlineAfterMs: 300_000,
  absentShare: 0.3,
};

describe('Chance', () => {
  it('draws the same for the same seed, and something else for another', () => {
    const draw = (seed: number) => Array.from({ length: 20 }, (_, n) => new Chance(seed).bits('task', n, 3));
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('spreads evenly over agents, turns and purposes', () => {
    const chance = new Chance(7);
    const draws = Array.from({ length: 20_000 }, (_, n) => chance.fraction('heartbeat', n));
    const tenths = Array.from({ length: 10 }, (_, tenth) =>
      draws.filter((d) => Math.floor(d * 10) === tenth),
    );
    for (const tenth of tenths) expect(Math.abs(tenth.length - 2_000)).toBeLessThan(250);
    expect(chance.bits('task', 1, 2)).not.toBe(chance.bits('target', 1, 2));
    expect(chance.bits('task', 1, 2)).not.toBe(chance.bits('task', 2, 1));
  });

  it('makes UUIDs that nobody else gets', () => {
    const chance = new Chance(1);
    const all = new Set(Array.from({ length: 5_000 }, (_, n) => chance.uuid('instance', n)));
    expect(all.size).toBe(5_000);
    expect([...all][0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

it('the same seed gives the same fleet', () => {
  const fleet = (seed: number) => {
    const chance = new Chance(seed);
    return Array.from({ length: PLAN.agents }, (_, index) => profileOf(chance, PLAN, index));
  };
  expect(fleet(5)).toEqual(fleet(5));
  expect(fleet(5)).not.toEqual(fleet(6));
  const away = fleet(5).filter(({ absence }) => absence !== undefined);
  expect(away.length).toBeGreaterThan(4);
});

/** Answers at once, by a script; some calls get no answer. */
class ScriptedPlatform implements Transport {
  readonly calls: string[] = [];
  readonly #now: () => number;
  #down = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  set down(down: boolean) {
    this.#down = down;
  }

  send(agent: Reachable, call: Call, done: (reply: Reply) => void): void {
    // Times of measuring are those of the real clock.
    const body = (call.body ?? '').replace(/"collected_at":"[^"]+"/g, '"collected_at":""');
    this.calls.push(`${this.#now().toFixed(3)} ${call.path} ${this.#down ? 'down' : body}`);
    if (this.#down) done({ kind: 'unreachable', reason: 'ECONNREFUSED' });
    else done({ kind: 'answered', status: 200, body: this.#answer(agent, call.path) });
  }

  hangUp(): void {}

  async close(): Promise<void> {}

  #answer(agent: Reachable, path: string): string {
    const beats = this.calls.filter((said) => said.includes(path)).length;
    // Every agent gets a task with its second heartbeat, and the same one again with its third.
    const tasks = path.endsWith('/heartbeat') && (beats === 2 || beats === 3) ? [taskFor(agent.index)] : [];
    return JSON.stringify({ status: 'ONLINE', pending_tasks: tasks, next_heartbeat_seconds: 60 });
  }
}

const idOf = (index: number, kind: string): string =>
  `00000000-0000-7000-${kind}-${String(index).padStart(12, '0')}`;

const taskFor = (index: number) => ({
  id: idOf(index, '9000'),
  task_type: 'REMEDIATE',
  status: 'ASSIGNED',
  payload: { script: 'exit 0' },
  timeout_seconds: 3_600,
  correlation_id: `task-${index}`,
  created_at: '2026-11-25T00:00:00.000Z',
});

function live(seed: number): { calls: readonly string[]; tally: Tally; fleet: Fleet } {
  let now = 0;
  const wheel = new TimerWheel({ now: () => now });
  const chance = new Chance(seed);
  const transport = new ScriptedPlatform(() => now);
  const context: FleetContext = {
    plan: PLAN,
    chance,
    wheel,
    transport,
    recorder: new Recorder(),
    habits: { thinkMs: 1_000, workMs: 20_000, failureShare: 0.3, packageFailures: new Map() },
    tally: new Tally(),
  };
  const agents = Array.from({ length: PLAN.agents }, (_, index) => {
    const profile = profileOf(chance, PLAN, index);
    return new VirtualAgent(profile, { id: idOf(index, '8000'), certificate: Buffer.of(), keyIndex: 0 });
  });
  const fleet = new Fleet(context, agents);
  fleet.start();
  wheel.stop();
  fleet.bringBack('all', 'asleep', PLAN.heartbeatMs);
  for (; now < 900_000; now += 5) {
    transport.down = now > 200_000 && now < 230_000;
    if (now === 300_000) fleet.sendAway({ site: 3 }, 'cut');
    if (now === 500_000) fleet.bringBack({ site: 3 }, 'cut', 10_000);
    wheel.turn();
  }
  return { calls: transport.calls, tally: context.tally, fleet };
}

describe('A fleet', () => {
  const first = live(1);

  it('behaves the same for the same seed, call by call', () => {
    expect(live(1).calls).toEqual(first.calls);
    expect(live(2).calls).not.toEqual(first.calls);
  });

  it('says every heartbeat until it is confirmed, also through an outage', () => {
    const { heartbeatsDue, heartbeatsConfirmed, heartbeatsMerged } = first.tally;
    expect(heartbeatsDue).toBeGreaterThan(40 * 12);
    expect(heartbeatsMerged).toBe(0);
    expect(heartbeatsConfirmed + first.tally.heartbeatsBrokenOff).toBe(heartbeatsDue);
    expect(first.calls.some((call) => call.includes('heartbeat down'))).toBe(true);
  });

  it('does a task once, however often it is handed over, and tells its words again', () => {
    expect(first.tally.tasksReceived).toBe(40);
    expect(first.tally.tasksReceivedAgain).toBe(40);
    expect(first.tally.tasksCompleted + first.tally.tasksFailed).toBe(40);
    expect(first.tally.tasksFailed).toBeGreaterThan(3);
  });

  it('keeps what it has to say while it cannot be heard', () => {
    expect(first.tally.kept).toBeGreaterThan(0);
    expect(first.calls.some((call) => call.includes('"samples":['))).toBe(true);
    expect(first.tally.samplesDelivered).toBe(first.tally.samplesDue - queuedSamples(first.fleet));
  });

  it('remembers its silences', () => {
    const cut = first.fleet.agents.filter((agent) => agent.profile.site === 3);
    for (const agent of cut) expect(agent.silences?.length).toBeGreaterThan(0);
    const absent = first.fleet.agents.filter((agent) => agent.profile.absence !== undefined);
    for (const agent of absent) expect(agent.silences?.length).toBeGreaterThan(0);
  });

  it('falls silent when it is over', () => {
    first.fleet.finish();
    expect(first.fleet.unconfirmed()).toBe(0);
    expect(first.fleet.countReachable({ site: 3 })).toBe(4);
  });
});

const queuedSamples = (fleet: Fleet): number =>
  fleet.agents.reduce((sum, agent) => sum + (agent.samples?.length ?? 0), 0);

describe('The timer wheel', () => {
  it('runs timers in their time, also those rounds ahead, and not the cancelled ones', () => {
    let now = 1_000;
    const wheel = new TimerWheel({ slotMs: 10, slots: 8, now: () => now });
    const ran: string[] = [];
    wheel.at(1_035, () => ran.push(`a ${now}`));
    wheel.at(1_500, () => ran.push(`b ${now}`));
    wheel.at(900, () => ran.push(`late ${now}`));
    wheel.after(50, () => ran.push('never')).cancelled = true;
    expect(wheel.size).toBe(4);
    for (; now <= 1_600; now += 10) wheel.turn();
    expect(ran).toEqual(['late 1000', 'a 1030', 'b 1500']);
    expect(wheel.size).toBe(0);
    expect(wheel.takeLatest()).toBe(100);
    expect(wheel.takeLatest()).toBe(0);
  });

  it('looks at every slot after a long pause', () => {
    let now = 0;
    const wheel = new TimerWheel({ slotMs: 10, slots: 8, now: () => now });
    let ran = 0;
    for (let at = 5; at < 400; at += 10)
      wheel.at(at, () => {
        ran += 1;
      });
    now = 5_000;
    wheel.turn();
    expect(ran).toBe(40);
  });
});
