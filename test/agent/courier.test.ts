import { randomUUID } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlatformClient } from '../../agent/protocol/client.ts';
import { PlatformError, UnreachableError } from '../../agent/protocol/errors.ts';
import { Courier } from '../../agent/queue/courier.ts';
import type { ErrorCode } from '../../contracts/http/errors.ts';
import type { TelemetrySample } from '../../contracts/telemetry/telemetry.ts';
import { outboxIn, report, sample, word } from './queue.ts';
import { eventually, pause, QUICK, removeFolders } from './support.ts';

afterAll(removeFolders);

/** A platform of one line: does what `answer` does. */
function peerOf(answer: (what: string, body: unknown) => void) {
  const said: string[] = [];
  const speak = async (what: string, body: unknown) => {
    answer(what, body);
    said.push(what);
  };
  const client = {
    say: (id: string, w: string, body: unknown) => speak(`${w} ${id}`, body),
    telemetry: (_id: string, body: { samples: TelemetrySample[] }) =>
      speak(`telemetry ${body.samples.map(({ metrics }) => metrics?.['n']).join()}`, body),
    deploymentStatus: (_id: string, body: unknown) => speak('deployment', body),
  };
  return { said, peer: () => ({ client: client as unknown as PlatformClient, agentId: 'a' }) };
}

async function courierFor(answer: (what: string, body: unknown) => void, limits = {}, directory?: string) {
  const base = await outboxIn(directory);
  const { said, peer } = peerOf(answer);
  const courier = new Courier({
    outbox: base.outbox,
    peer,
    limits: () => ({ max_telemetry_batch: 3, max_body_bytes: 100_000, ...limits }),
    log: base.log,
    troubles: base.troubles,
    backoff: QUICK,
  });
  return { ...base, courier, said };
}

const refusal = (status: number, code?: ErrorCode) =>
  new PlatformError(status, code === undefined ? {} : { code, task_status: 'CANCELLED' }, undefined);
const INVALID = refusal(422, 'validation-failed');

describe('courier', () => {
  it('delivers in order, words before telemetry, telemetry in batches', async () => {
    const { courier, said } = await courierFor(() => undefined);
    for (const n of [1, 2, 3, 4]) await courier.send(sample(n));
    await courier.send(word('00000000-0000-4000-8000-000000000001', 'start'));
    await courier.send(report);
    courier.start();
    await courier.flush(30_000);
    expect(said).toEqual([
      'start 00000000-0000-4000-8000-000000000001',
      'deployment',
      'telemetry 1,2,3',
      'telemetry 4',
    ]);
    expect(await courier.send(word(randomUUID(), 'start'))).toEqual({ outcome: 'delivered' });
    expect(await courier.send(sample(5))).toEqual({ outcome: 'delivered' });
    await courier.stop();
    expect(await courier.send(sample(6))).toEqual({ outcome: 'kept' });
  });

  it('keeps everything while the platform is away, says so at once, and replays it in order', async () => {
    let away = true;
    const { courier, said, outbox } = await courierFor(() => {
      if (away) throw new UnreachableError('away');
    });
    courier.start();
    const id = randomUUID();
    for (const said of ['start', 'progress', 'progress', 'complete'] as const) {
      expect(await courier.send(word(id, said))).toEqual({ outcome: 'kept' });
    }
    expect(outbox.counters.words).toBe(3);
    away = false;
    courier.kick();
    await eventually(() => outbox.counters.words === 0);
    expect(said).toEqual([`start ${id}`, `progress ${id}`, `complete ${id}`]);
    await courier.stop();
  });

  it.each([
    [409, 'task-state-conflict', false],
    [404, 'not-found', false],
    [403, 'wrong-agent', true],
  ] as const)('drops a word refused with %s and goes on', async (status, code, isTrouble) => {
    const bad = randomUUID();
    const { courier, said, outbox, troubles } = await courierFor((what) => {
      if (what.includes(bad)) throw refusal(status, code);
    });
    const refused: string[] = [];
    courier.onRefusal = (record) => refused.push(record.task_id);
    courier.start();
    const good = randomUUID();
    expect(await courier.send(word(bad, 'complete'))).toMatchObject({ outcome: 'refused' });
    expect(await courier.send(word(good, 'complete'))).toEqual({ outcome: 'delivered' });
    expect([refused, said, outbox.counters.words]).toEqual([[bad], [`complete ${good}`], 0]);
    expect(troubles.last !== null).toBe(isTrouble);
    await courier.stop();
  });

  it('says again what a proxy refused, and tells that there is one', async () => {
    let statuses = [400, 403, 404, 407];
    const { courier, said, troubles } = await courierFor(() => {
      const [status, ...rest] = statuses;
      if (status === undefined) return;
      expect(troubles.last === null || troubles.last.startsWith('delivery: something between')).toBe(true);
      statuses = rest;
      throw refusal(status);
    });
    courier.start();
    const id = randomUUID();
    expect(await courier.send(word(id, 'complete'))).toEqual({ outcome: 'kept' });
    expect(troubles.last).toMatch(/^delivery: something between agent and platform answers 400/);
    await eventually(() => said.length === 1);
    expect(said).toEqual([`complete ${id}`]);
    await eventually(() => troubles.last === null);
    await courier.stop();
  });

  it.each([
    ['complete', refusal(413, 'payload-too-large'), /^The work was done, but its result was refused \(413/],
    ['complete', refusal(413), /^The work was done, but its result was refused \(413 unknown/],
    ['complete', INVALID, /refused \(422 validation-failed/],
    ['fail', refusal(400, 'invalid-request'), /^It broke \(its result was refused \(400/],
  ] as const)('ends a task in short whose %s was refused with %s', async (outcome, error, message) => {
    const id = randomUUID();
    const bodies: unknown[] = [];
    let away = true;
    const { courier, said, outbox, troubles } = await courierFor((_what, body) => {
      if (JSON.stringify(body).includes('bulk')) throw error;
      // The short one has to wait, too.
      if (away) throw new UnreachableError('away');
      bodies.push(body);
    });
    const told: string[] = [];
    courier.onDelivered = (record) => told.push(record.word);
    courier.start();
    const body =
      outcome === 'fail' ? { error_message: 'It broke', result: { bulk: 1 } } : { result: { bulk: 1 } };
    expect(await courier.send(word(id, outcome, body))).toEqual({ outcome: 'kept' });
    expect(outbox.hasWord(id, outcome)).toBe(true);
    away = false;
    courier.kick();
    await eventually(() => told.length > 0);
    expect([said, told, outbox.counters.words]).toEqual([[`fail ${id}`], [outcome], 0]);
    expect(bodies).toEqual([
      {
        error_message: expect.stringMatching(message),
        result: { result_refused: true, outcome, result_bytes: expect.any(Number) },
      },
    ]);
    expect(troubles.last).toMatch(/^refused: word/);
    await courier.stop();
  });

  it('drops an outcome of which not even the short form is taken', async () => {
    const { courier, outbox } = await courierFor(() => {
      throw INVALID;
    });
    courier.start();
    expect(await courier.send(word(randomUUID(), 'complete'))).toMatchObject({ outcome: 'refused' });
    expect(outbox.counters.words).toBe(0);
    await courier.stop();
  });

  it('keeps telemetry that a proxy refuses, but for its size', async () => {
    let answer = refusal(403);
    const { courier, outbox, said } = await courierFor((_what, body) => {
      if (said.length === 0 && (body as { samples: unknown[] }).samples.length > 0) throw answer;
    });
    courier.start();
    await courier.send(sample(1));
    await pause(30);
    expect(outbox.counters.telemetry).toBe(1);
    answer = refusal(413);
    await eventually(() => outbox.counters.telemetry === 0);
    await courier.stop();
  });

  it('drops a report that is refused, and tells it as a trouble', async () => {
    const { courier, outbox, troubles } = await courierFor(() => {
      throw INVALID;
    });
    courier.start();
    expect(await courier.send(report)).toMatchObject({ outcome: 'refused' });
    expect(troubles.last).toMatch(/^refused: deployment/);
    expect(outbox.counters.deployments).toBe(0);
    await courier.stop();
  });

  it.each([
    ['401', refusal(401, 'certificate-invalid')],
    ['a proxy’s 401', refusal(401)],
    ['a proxy’s 404', refusal(404)],
    ['a clone’s 409', refusal(409, 'agent-cloned')],
    ['503', refusal(503)],
  ])('keeps what %s answers', async (_what, error) => {
    const { courier, outbox } = await courierFor(() => {
      throw error;
    });
    courier.start();
    expect(await courier.send(word(randomUUID(), 'complete'))).toEqual({ outcome: 'kept' });
    expect(outbox.counters.words).toBe(1);
    await courier.stop();
  });

  it('honours Retry-After, also when heartbeats succeed', async () => {
    let tries = 0;
    const { courier } = await courierFor(() => {
      tries += 1;
      throw new PlatformError(429, {}, 300_000);
    });
    courier.start();
    await courier.send(word(randomUUID(), 'complete'));
    for (let n = 0; n < 5; n += 1) {
      courier.kick();
      await pause(10);
    }
    expect(tries).toBe(1);
    await courier.stop();
  });

  it('finds the one sample that spoils its batch', async () => {
    const { courier, said, troubles, outbox } = await courierFor((_what, body) => {
      const { samples } = body as { samples: TelemetrySample[] };
      if (samples.some(({ metrics }) => metrics?.['n'] === 2)) throw INVALID;
    });
    for (const n of [1, 2, 3, 4, 5]) await courier.send(sample(n));
    courier.start();
    await eventually(() => outbox.counters.telemetry === 0);
    expect(said).toEqual(['telemetry 1', 'telemetry 3', 'telemetry 4,5']);
    expect(troubles.last).toMatch(/^refused: telemetry/);
    await courier.stop();
  });

  it('keeps telemetry that finds the platform away, and cuts bodies to size', async () => {
    let away = true;
    const { courier, said, outbox } = await courierFor(
      () => {
        if (away) throw new UnreachableError('away');
      },
      { max_body_bytes: 250 },
    );
    for (const n of [1, 2, 3]) await courier.send(sample(n));
    courier.start();
    await pause(30);
    expect(outbox.counters.telemetry).toBe(3);
    away = false;
    await eventually(() => outbox.counters.telemetry === 0);
    expect(said.length).toBeGreaterThan(1);
    await courier.stop();
  });

  it('passes over broken records', async () => {
    const { courier, said, outbox, directory } = await courierFor(() => undefined);
    const [lost, good] = [randomUUID(), randomUUID()];
    await courier.send(word(lost, 'complete'));
    await courier.send(sample(1));
    for (const name of readdirSync(directory)) writeFileSync(join(directory, name), 'broken');
    await courier.send(word(good, 'complete'));
    courier.start();
    await courier.flush(30_000);
    expect(said).toEqual([`complete ${good}`]);
    expect(outbox.counters).toMatchObject({ words: 0, telemetry: 0 });
    await courier.stop();
  });

  it('holds everything back while blocked', async () => {
    const { courier, said } = await courierFor(() => undefined);
    courier.start();
    courier.block(true);
    expect(await courier.send(word(randomUUID(), 'start'))).toEqual({ outcome: 'kept' });
    await courier.flush(100);
    expect(said).toEqual([]);
    courier.block(false);
    await eventually(() => said.length === 1);
    await courier.stop();
  });
});
