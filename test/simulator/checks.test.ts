import { checkDelivery, HeartbeatAudit } from '../../simulator/checks/heartbeats.ts';
import { judgePresence, type PresenceCase } from '../../simulator/checks/presence.ts';
import { judgeTasks, type TaskCase } from '../../simulator/checks/tasks.ts';

describe('No heartbeat lost', () => {
  const audit = (lastSentAt: number, stamp: number | undefined) => {
    const looked = new HeartbeatAudit();
    looked.compare([{ id: 'a', lastSentAt }], new Map(stamp === undefined ? [] : [['a', stamp]]));
    return looked.result();
  };

  it('holds when the stamp is not older than what was confirmed', () => {
    expect(audit(1_000, 1_003)).toMatchObject({ passed: true, checked: 1 });
  });

  it('asks nothing of an agent that was never confirmed', () => {
    expect(audit(0, undefined)).toMatchObject({ passed: true, checked: 0 });
  });

  it('fails for a confirmed heartbeat that is not in the database', () => {
    expect(audit(1_000, undefined)).toMatchObject({ passed: false, violations: 1 });
    expect(audit(1_000, 900)).toMatchObject({
      passed: false,
      examples: [expect.stringMatching(/last stamped/)],
    });
  });
});

describe('The whole load delivered', () => {
  it('holds when all that fell due was confirmed, but for what agents broke off', () => {
    expect(checkDelivery({ due: 10, confirmed: 9, brokenOff: 1, least: 1 })).toMatchObject({ passed: true });
  });

  it('may be asked for less than everything', () => {
    const delivery = { due: 10, confirmed: 9, brokenOff: 0 };
    expect(checkDelivery({ ...delivery, least: 0.9 }).passed).toBe(true);
    expect(checkDelivery({ ...delivery, least: 0.95 }).passed).toBe(false);
  });

  it.each([
    ['one heartbeat did not get through', { due: 10, confirmed: 9, brokenOff: 0, least: 1 }],
    ['there was no load at all', { due: 0, confirmed: 0, brokenOff: 0, least: 1 }],
  ])('fails when %s', (_, delivery) => {
    expect(checkDelivery(delivery).passed).toBe(false);
  });
});

describe('Presence', () => {
  const OFFLINE_AFTER = 300_000;
  const HEARD = 1_000_000;
  const silence = { lastSentAt: HEARD, lastTriedAt: HEARD + 10, fromAt: HEARD + 20_000, toAt: undefined };
  const judge = (edges: readonly number[], overrides: Partial<PresenceCase> = {}) =>
    judgePresence({
      agents: [{ id: 'a', silences: [silence] }],
      edges: edges.map((at) => ({ agentId: 'a', at })),
      outages: [],
      disruptions: [],
      offlineAfterMs: OFFLINE_AFTER,
      edgeMs: 2_000,
      endAt: HEARD + 2 * OFFLINE_AFTER,
      ...overrides,
    });

  it('is right when the agent is called OFFLINE when its silence is over', () => {
    const verdict = judge([HEARD + OFFLINE_AFTER + 500]);
    expect(verdict.wronglyOffline).toMatchObject({ passed: true, checked: 1 });
    expect(verdict.edgesInTime).toMatchObject({ passed: true, checked: 1 });
    expect(verdict.edgeDelay.max_ms).toBeCloseTo(490, 0);
  });

  it('is wrong for an agent that was there', () => {
    const verdict = judge([HEARD + OFFLINE_AFTER], { agents: [{ id: 'a', silences: undefined }] });
    expect(verdict.wronglyOffline).toMatchObject({ passed: false, violations: 1 });
  });

  it('is wrong when the silence had not lasted long enough', () => {
    expect(judge([HEARD + OFFLINE_AFTER - 1_000]).wronglyOffline.passed).toBe(false);
  });

  it('is wrong when an agent is called OFFLINE after it came back', () => {
    const short = { ...silence, toAt: HEARD + 60_000 };
    const verdict = judge([HEARD + OFFLINE_AFTER], { agents: [{ id: 'a', silences: [short] }] });
    expect(verdict.wronglyOffline.passed).toBe(false);
    expect(verdict.edgesInTime).toMatchObject({ passed: true, checked: 0 });
  });

  it('is late past two seconds, and when nobody noticed at all', () => {
    expect(judge([HEARD + OFFLINE_AFTER + 2_500]).edgesInTime).toMatchObject({ passed: false });
    expect(judge([]).edgesInTime).toMatchObject({
      passed: false,
      examples: [expect.stringMatching(/never called OFFLINE/)],
    });
  });

  it('gives agents the time in which nobody could be heard', () => {
    const outages = [{ fromAt: HEARD + 100_000, toAt: HEARD + 130_000 }];
    expect(judge([HEARD + OFFLINE_AFTER + 31_000], { outages }).edgesInTime.passed).toBe(true);
    expect(judge([HEARD + OFFLINE_AFTER + 33_000], { outages }).edgesInTime.passed).toBe(false);
  });

  it('gives the platform the time in which it was being killed, and no more', () => {
    const disruptions = [{ fromAt: HEARD + OFFLINE_AFTER - 1_000, toAt: HEARD + OFFLINE_AFTER + 9_000 }];
    expect(judge([HEARD + OFFLINE_AFTER + 30_000], { disruptions }).edgesInTime.passed).toBe(true);
    expect(judge([HEARD + OFFLINE_AFTER + 45_000], { disruptions }).edgesInTime.passed).toBe(false);
  });

  it('expects nothing of an agent that was never heard', () => {
    const never = { ...silence, lastSentAt: 0, lastTriedAt: 0 };
    expect(judge([], { agents: [{ id: 'a', silences: [never] }] }).edgesInTime).toMatchObject({
      passed: true,
      checked: 0,
    });
  });
});

describe('Every task in one final state', () => {
  const right: TaskCase = {
    created: ['t'],
    found: [{ id: 't', status: 'COMPLETED', endings: 1 }],
    words: new Map([['t', 'complete']]),
    workflows: new Map([['t', 'COMPLETED']]),
    running: 0,
  };

  it('holds when database, audit, agent and workflow say the same', () => {
    expect(judgeTasks(right)).toMatchObject({ passed: true, checked: 1 });
  });

  it.each<[string, Partial<TaskCase>, RegExp]>([
    ['a task is gone', { found: [] }, /not there/],
    [
      'a task is open',
      { found: [{ id: 't', status: 'ASSIGNED', endings: 0 }], words: new Map(), workflows: new Map() },
      /still ASSIGNED/,
    ],
    ['a task ended twice', { found: [{ id: 't', status: 'COMPLETED', endings: 2 }] }, /2 times/],
    ['a task never ended by the audit', { found: [{ id: 't', status: 'COMPLETED', endings: 0 }] }, /0 times/],
    ['the agent’s word was lost', { words: new Map([['t', 'fail']]) }, /fail was taken/],
    ['the workflow says otherwise', { workflows: new Map([['t', 'FAILED']]) }, /its workflow FAILED/],
    ['the workflow does not end', { workflows: new Map([['t', undefined]]) }, /still runs/],
    ['workflows are left over', { running: 3 }, /3 workflows/],
  ])('fails when %s', (_, change, says) => {
    const verdict = judgeTasks({ ...right, ...change });
    expect(verdict.passed).toBe(false);
    expect(verdict.examples.join('\n')).toMatch(says);
  });
});
