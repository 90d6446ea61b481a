import { createHash, randomUUID } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT } from '../../agent/exit-codes.ts';
import { makeKey } from '../../agent/identity/keys.ts';
import { refuse, type TestPlatform } from './platform.ts';
import { configFor, eventually, pause, temporaryFolder } from './support.ts';

import { ended, said, useAgents } from './world.ts';

let platform: TestPlatform;
const { start, online } = useAgents((own) => {
  platform = own;
});

describe('identity', () => {
  it('a machine that is told to be a clone becomes an agent of its own, and drops the original’s work', async () => {
    const agent = await start();
    await online();
    const original = [...platform.agents.keys()][0] ?? '';
    const task = platform.addTask('REMEDIATE', { script: 'sleep 30' });
    await ended(task, 'IN_PROGRESS');
    platform.cloned.add(original);
    await eventually(() => platform.agents.size === 2);
    const own = [...platform.agents.keys()][1] ?? '';
    const next = platform.addTask('REMEDIATE', { script: 'true' }, { agentId: own });
    await ended(next, 'COMPLETED');
    expect(said(task)).toEqual(['start']);
    expect(JSON.parse(readFileSync(join(agent.config.home, 'identity.json'), 'utf8')).agent_id).toBe(own);
    // Told so again at once, it does not change a second time.
    platform.cloned.add(own);
    await eventually(() => agent.lines.some(({ reason }) => String(reason).includes('changed just now')));
    await pause(200);
    expect(platform.agents.size).toBe(2);
    expect(platform.seen.filter(({ path }) => path.endsWith('/register'))).toHaveLength(2);
  });

  it('a clone whose new enrolment fails tries again slowly', async () => {
    const agent = await start();
    await online();
    const original = [...platform.agents.keys()][0] ?? '';
    platform.intercept = (seen, response) =>
      seen.path.endsWith('/register') && refuse(response, 'unavailable');
    platform.cloned.add(original);
    await eventually(() =>
      agent.lines.some(({ message }) => message.includes('does not accept this agent’s identity')),
    );
    // What was to be said waits; it is the original's word, and the new identity never says it.
    const { outbox, courier } = agent.worker.parts;
    const taskId = randomUUID();
    const word = { kind: 'word', word: 'complete', body: { result: {} }, correlation_id: 'c' } as const;
    expect(await courier.send({ ...word, task_id: taskId })).toEqual({ outcome: 'kept' });
    await pause(100);
    expect(outbox.hasWord(taskId)).toBe(true);
    platform.intercept = () => false;
    await eventually(() => platform.agents.size === 2);
    const beats = platform.heartbeats.length;
    await eventually(() => platform.heartbeats.length > beats);
    expect(outbox.hasWord(taskId)).toBe(false);
    expect(platform.seen.some(({ path }) => path.includes(taskId))).toBe(false);
  });

  it('words of an identity that was left are dropped by the next start, if the one before died', async () => {
    const agent = await start();
    await online();
    await agent.stop();
    const { store } = agent.worker.parts;
    const taskId = randomUUID();
    const record = { kind: 'word', word: 'complete', body: {}, correlation_id: 'c', task_id: taskId };
    writeFileSync(
      join(agent.config.home, 'queue', `000000000009999.word.${taskId}.complete.json`),
      JSON.stringify(record),
    );
    const at = new Date().toISOString();
    await store.saveReenrolment({ salt: 's', at, done: false, leaving: randomUUID() });
    const next = await start({ config: agent.config });
    const beats = platform.heartbeats.length;
    await eventually(() => platform.heartbeats.length > beats);
    expect(next.worker.parts.outbox.hasWord(taskId)).toBe(false);
    expect(platform.seen.some(({ path }) => path.includes(taskId))).toBe(false);
    expect((await store.loadReenrolment())?.done).toBe(true);
  });

  it('an identity that was copied to another machine is left before any work', async () => {
    const agent = await start();
    await online();
    await agent.stop();
    const copy = temporaryFolder();
    cpSync(agent.config.home, copy, { recursive: true });
    const beats = platform.heartbeats.length;
    const config = configFor(platform, {
      EUCORA_AGENT_HOME: copy,
      EUCORA_AGENT_HARDWARE_ID: 'test-machine-2',
    });
    const clone = await start({ config });
    await eventually(() => platform.heartbeats.length > beats);
    expect(platform.agents.size).toBe(2);
    expect(clone.worker.parts.session.agentId).not.toBe(agent.worker.parts.session.agentId);
    expect(
      platform.heartbeats.slice(beats).every(({ hardware_id }) => hardware_id?.startsWith('test-machine-2')),
    ).toBe(true);
  });

  it('a revoked agent stops working, knocks slowly, and works again when it is let in', async () => {
    const agent = await start({ slow: { baseMs: 30, capMs: 60 } });
    await online();
    const agentId = [...platform.agents.keys()][0] ?? '';
    const task = platform.addTask('REMEDIATE', { script: 'sleep 30' });
    await ended(task, 'IN_PROGRESS');
    platform.revoked.add(agentId);
    await eventually(
      () => agent.lines.filter(({ message }) => message.includes('shut this agent out')).length >= 2,
    );
    expect(agent.worker.parts.runner.counters.running).toBe(0);
    platform.revoked.clear();
    const next = platform.addTask('REMEDIATE', { script: 'true' });
    await ended(next, 'COMPLETED');
  });

  it('a certificate that is not accepted is replaced by the registration key', async () => {
    const agent = await start();
    await online();
    const before = agent.worker.parts.session.identity.certificate;
    let refused = true;
    platform.intercept = (seen, response) => {
      if (seen.path.endsWith('/register')) refused = false;
      return refused && refuse(response, 'certificate-invalid');
    };
    await eventually(() => agent.worker.parts.session.identity.certificate !== before);
    const task = platform.addTask('REMEDIATE', { script: 'true' });
    await ended(task, 'COMPLETED');
    expect(platform.agents.size).toBe(1);
  });

  it('a certificate that has run out is replaced, too, though the handshake only breaks', async () => {
    const agent = await start();
    await online();
    const registered = () => platform.seen.filter(({ path }) => path.endsWith('/register')).length;
    platform.intercept = (seen, response) => {
      if (seen.path.endsWith('/register')) {
        platform.intercept = () => false;
        return false;
      }
      response.destroy();
      return true;
    };
    const unanswered = () =>
      agent.lines.filter(({ message }) => message === 'The heartbeat was not answered').length;
    // A connection that breaks is not more than that, as long as the certificate holds.
    await eventually(() => unanswered() >= 2);
    expect(registered()).toBe(1);
    const { session } = agent.worker.parts;
    const { privateKey, csr } = await makeKey('host', session.agentId);
    const expired = await platform.authority.issue(csr, session.agentId, { fromMs: -9e6, toMs: -1e6 });
    session.adopt({ ...session.identity, private_key: privateKey, certificate: expired.pem });
    await eventually(() => registered() === 2);
    const task = platform.addTask('REMEDIATE', { script: 'true' });
    await ended(task, 'COMPLETED');
  });

  it('a certificate is renewed in time; what goes wrong is told and tried again', async () => {
    platform.validity = { fromMs: -1_000_000, toMs: 300_000 };
    platform.intercept = (seen, response) => seen.path.endsWith('/renew') && refuse(response, 'unavailable');
    const agent = await start();
    await eventually(() => platform.heartbeats.some(({ last_error }) => last_error?.startsWith('renewal')));
    platform.validity = { fromMs: -60_000, toMs: 86_400_000 };
    platform.intercept = () => false;
    await eventually(() => agent.lines.some(({ message }) => message === 'Certificate renewed'));
    await eventually(() => platform.heartbeats.at(-1)?.last_error === null);
  });
});

describe('telemetry', () => {
  it('is taken at the platform’s pace; what goes wrong is told', async () => {
    platform.intervals = { heartbeat: 0, telemetry: 0 };
    const agent = await start();
    await eventually(() => platform.telemetry.length >= 2);
    expect(
      platform.telemetry.filter(({ installed_software }) => installed_software !== undefined),
    ).toHaveLength(1);
    jest.spyOn(agent.worker.parts.sampler, 'sample').mockRejectedValueOnce(new Error('no meter'));
    await eventually(() =>
      platform.heartbeats.some(({ last_error }) => last_error === 'telemetry: no meter'),
    );
  });
});

describe('an update', () => {
  const code = 'export {};';
  const hash = createHash('sha256').update(code).digest('hex');
  const payload = { version: '2.0.0', artifact: { sha256: hash }, health_timeout_seconds: 5 };
  beforeEach(() => {
    platform.artifacts.set(hash, Buffer.from(code));
  });

  async function handedOver(config = configFor(platform)) {
    const agent = await start({ config, supervised: true });
    await online();
    const task = platform.addTask('UPDATE', payload);
    expect(await agent.ended).toBe(EXIT.update);
    const updates = agent.worker.parts.updates;
    const update = await updates.update();
    if (update === undefined) throw new Error('no update was requested');
    return { agent, task, updates, update, config };
  }

  it('is handed to the launcher, and completed by the new version once it is committed', async () => {
    const { task, updates, update, config } = await handedOver();
    expect(update).toMatchObject({ state: 'requested', from: '1.0.0', to: '2.0.0', task_id: task.id });
    expect(readFileSync(updates.file('2.0.0'), 'utf8')).toBe(code);
    await updates.setUpdate({ ...update, state: 'trying' });
    const waiting = platform.addTask('REMEDIATE', { script: 'true' });
    const next = await start({ config, supervised: true, version: '2.0.0' });
    await eventually(() => updates.isHealthy('2.0.0', process.pid));
    await pause(150);
    expect(task.status).toBe('IN_PROGRESS');
    expect(next.worker.parts.runner.counters.running).toBe(0);
    await updates.setUpdate({ ...update, state: 'committed' });
    await ended(task, 'COMPLETED');
    expect(task.result).toMatchObject({ version: '2.0.0', previous_version: '1.0.0' });
    await ended(waiting, 'COMPLETED');
    expect(await updates.update()).toBeUndefined();
    await next.stop();
  });

  it('that was rolled back is failed by the old version, with the reason', async () => {
    const { task, updates, update, config } = await handedOver();
    await updates.setUpdate({ ...update, state: 'rolled_back', reason: 'it ended with exit code 3' });
    await start({ config, supervised: true });
    await ended(task, 'FAILED');
    expect(task.error).toMatch(
      /2\.0\.0 did not come up: it ended with exit code 3\. Version 1\.0\.0 runs again/,
    );
    expect(task.result).toMatchObject({ rolled_back: true });
  });

  it('whose artifact is another version ends at once, says which, and does nothing', async () => {
    const { task, updates, update, config } = await handedOver();
    await updates.setUpdate({ ...update, state: 'trying' });
    const waiting = platform.addTask('REMEDIATE', { script: 'true' });
    const options = { config, supervised: true, version: '1.9.0' };
    const trial = await start({ ...options, file: updates.file('2.0.0') });
    expect(await trial.ended).toBe(EXIT.wrongVersion);
    expect(trial.lines.some(({ message }) => message.includes('installed as another one'))).toBe(true);
    expect(await updates.ownWord(process.pid)).toBe('1.9.0');
    expect([task.status, said(waiting)]).toEqual(['IN_PROGRESS', []]);
    // Also where the disk is too full to say so.
    const dumb = await start({ ...options, file: updates.file('2.0.0') });
    jest.spyOn(dumb.worker.parts.updates, 'setHealthy').mockRejectedValue(new Error('disk full'));
    expect(await dumb.ended).toBe(EXIT.wrongVersion);
  });

  it('whose rollback could not be noted is failed by the version that runs', async () => {
    const { task, updates, update, config } = await handedOver();
    await updates.setUpdate({ ...update, state: 'trying' });
    await start({ config, supervised: true, file: '/opt/agent.mjs' });
    await ended(task, 'FAILED');
    expect(task.error).toMatch(/could not note its trial or its end/);
  });

  it.each([
    ['committed', '2.0.0', 'COMPLETED'],
    ['not committed', '1.0.0', 'FAILED'],
  ])(
    'whose end the launcher could not note is told by what is current: %s',
    async (_what, current, status) => {
      const { task, updates, update, config } = await handedOver();
      await updates.setUpdate({ ...update, state: 'trying' });
      await start({ config, supervised: true, version: '2.0.0' });
      await eventually(() => updates.isHealthy('2.0.0', process.pid));
      await updates.setCurrent({ version: current, sha256: hash, launcher: '1.0.0' });
      await updates.dropUpdate();
      await ended(task, status);
    },
  );

  it('whose launcher is gone is failed', async () => {
    const { task, config } = await handedOver();
    await start({ config });
    await ended(task, 'FAILED');
    expect(task.error).toMatch(/runs without its launcher/);
  });

  it('that nobody remembers is forgotten', async () => {
    const config = configFor(platform);
    const first = await start({ config });
    await online();
    await first.worker.parts.updates.setUpdate({
      task_id: randomUUID(),
      from: '0.9',
      to: '1.0.0',
      sha256: hash,
      health_timeout_seconds: 1,
      state: 'committed',
      attempts: 1,
    });
    await first.stop();
    const second = await start({ config });
    await eventually(async () => (await second.worker.parts.updates.update()) === undefined);
  });

  it('on trial can be stopped', async () => {
    const { updates, update, config } = await handedOver();
    await updates.setUpdate({ ...update, state: 'trying' });
    const next = await start({ config, supervised: true, version: '2.0.0' });
    await eventually(() => updates.isHealthy('2.0.0', process.pid));
    expect(await next.stop()).toBe(EXIT.ok);
  });

  it('is refused without a launcher, and for what cannot be a version', async () => {
    await start();
    await online();
    const alone = platform.addTask('UPDATE', payload);
    const odd = platform.addTask('UPDATE', { ...payload, version: '../../x' });
    await ended(alone, 'FAILED');
    expect(alone.error).toMatch(/without its launcher/);
    await ended(odd, 'FAILED');
    expect(odd.error).toMatch(/cannot be a version/);
  });
});
