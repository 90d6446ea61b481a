import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Backoff, spread } from '../../agent/protocol/backoff.ts';
import { PlatformClient } from '../../agent/protocol/client.ts';
import {
  isCloned,
  isShutOut,
  PlatformError,
  platformError,
  retryAfter,
  UnreachableError,
  verdictOf,
} from '../../agent/protocol/errors.ts';
import { createTransport } from '../../agent/protocol/transport.ts';

describe('backoff', () => {
  it('grows to its cap with full jitter, and begins anew after a success', () => {
    const most = new Backoff({ baseMs: 100, capMs: 1_000, random: () => 1 });
    expect([most.next(), most.next(), most.next(), most.next(), most.next()]).toEqual([
      100, 200, 400, 800, 1_000,
    ]);
    most.reset();
    expect(most.next()).toBe(100);
    expect(new Backoff({ random: () => 0 }).next()).toBe(0);
  });

  it('never comes before Retry-After', () => {
    expect(new Backoff({ random: () => 0 }).next(5_000)).toBe(5_000);
  });

  it('spreads evenly around a time', () => {
    expect([spread(1_000, 0.1, () => 0), spread(1_000, 0.1, () => 0.5), spread(1_000, 0.1, () => 1)]).toEqual(
      [900, 1_000, 1_100],
    );
  });
});

describe('errors', () => {
  it('read Retry-After in both forms, bounded', () => {
    const now = Date.parse('2026-11-22T08:00:00Z');
    expect(retryAfter(undefined, now)).toBeUndefined();
    expect(retryAfter('7', now)).toBe(7_000);
    expect(retryAfter('999999', now)).toBe(3_600_000);
    expect(retryAfter('Sun, 22 Nov 2026 08:00:09 GMT', now)).toBe(9_000);
    expect(retryAfter('Sun, 22 Nov 2026 07:00:00 GMT', now)).toBe(0);
    expect(retryAfter('soon', now)).toBeUndefined();
  });

  it('take what a problem document tells, and survive what is none', () => {
    const conflict = platformError(
      409,
      '{"code":"task-state-conflict","task_status":"CANCELLED","detail":"no"}',
      undefined,
    );
    expect(conflict).toMatchObject({
      code: 'task-state-conflict',
      taskStatus: 'CANCELLED',
      message: 'no',
      status: 409,
    });
    expect(platformError(502, '<html>', '3')).toMatchObject({ code: 'unknown', retryAfterMs: 3_000 });
    expect(platformError(400, '{"code":"made-up","title":"T"}', undefined)).toMatchObject({
      code: 'unknown',
      message: 'T',
    });
    // The platform’s word under another status is somebody else’s.
    expect(platformError(403, '{"code":"not-found"}', undefined).code).toBe('unknown');
  });

  it.each([
    [new Error('x'), 'retry'],
    [new UnreachableError('x'), 'retry'],
    [new PlatformError(503, { code: 'unavailable' }, undefined), 'retry'],
    [new PlatformError(429, { code: 'rate-limited' }, undefined), 'retry'],
    [new PlatformError(408, {}, undefined), 'retry'],
    // Without a code it was a proxy that answered.
    ...[302, 400, 401, 403, 404, 407, 409, 422, 451].map(
      (status) => [new PlatformError(status, {}, undefined), 'retry'] as const,
    ),
    [new PlatformError(401, { code: 'certificate-invalid' }, undefined), 'identity'],
    [new PlatformError(409, { code: 'agent-cloned' }, undefined), 'identity'],
    [new PlatformError(409, { code: 'task-state-conflict' }, undefined), 'refused'],
    [new PlatformError(422, { code: 'validation-failed' }, undefined), 'refused'],
    [new PlatformError(404, { code: 'not-found' }, undefined), 'refused'],
  ] as const)('%s: %s', (error, verdict) => {
    expect(verdictOf(error)).toBe(verdict);
  });

  it('know clones and those shut out', () => {
    expect(isCloned(new PlatformError(409, { code: 'agent-cloned' }, undefined))).toBe(true);
    expect(isShutOut(new PlatformError(401, { code: 'agent-revoked' }, undefined))).toBe(true);
    expect(isShutOut(new PlatformError(404, { code: 'not-found' }, undefined))).toBe(true);
    expect(isShutOut(new PlatformError(404, {}, undefined))).toBe(false);
    expect(isShutOut(new PlatformError(401, {}, undefined))).toBe(false);
    expect(isShutOut(new Error('x'))).toBe(false);
  });
});

describe('client', () => {
  let server: Server;
  let url: string;
  const seen: { path: string; headers: Record<string, unknown> }[] = [];
  let status = 200;
  let answer = '{}';
  let headers: Record<string, string> = {};
  const dispatcher = createTransport({ timeoutMs: 60_000 });

  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push({ path: request.url ?? '', headers: request.headers });
      request.resume().on('end', () => response.writeHead(status, headers).end(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await dispatcher.close();
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    seen.length = 0;
    status = 200;
    answer = '{}';
    headers = {};
  });

  it('speaks below a path, with correlation id and a name', async () => {
    const client = new PlatformClient({ server: `${url}/eucora/`, dispatcher, userAgent: 'sim/1' });
    await client.say('t1', 'start', {}, { correlationId: 'c-1', signal: new AbortController().signal });
    await client.probe('a1');
    expect(seen.map(({ path }) => path)).toEqual([
      '/eucora/api/v1/agents/tasks/t1/start',
      '/eucora/api/v1/agents/a1/tasks?limit=1',
    ]);
    expect(seen[0]?.headers).toMatchObject({ 'x-correlation-id': 'c-1', 'user-agent': 'sim/1' });
    expect(seen[1]?.headers).not.toHaveProperty('content-type');
  });

  it('refuses answers that do not fit the contract or are too large', async () => {
    const client = new PlatformClient({ server: url, dispatcher, maxAnswerBytes: 100 });
    await expect(client.heartbeat('a', {})).rejects.toThrow(/does not fit the contract/);
    answer = 'not JSON';
    await expect(client.renew('a', 'csr')).rejects.toThrow(UnreachableError);
    answer = 'x'.repeat(101);
    await expect(client.heartbeat('a', {})).rejects.toThrow(/larger than 100 bytes/);
    status = 403;
    answer = 'x'.repeat(200_000);
    await expect(client.heartbeat('a', {})).rejects.toMatchObject({ status: 403, code: 'unknown' });
  });

  it('tells problems and silence apart', async () => {
    const client = new PlatformClient({ server: url, dispatcher });
    status = 429;
    headers = { 'retry-after': '2' };
    await expect(client.telemetry('a', { collected_at: 'x' })).rejects.toMatchObject({
      status: 429,
      retryAfterMs: 2_000,
    });
    const nobody = new PlatformClient({ server: 'http://127.0.0.1:1', dispatcher });
    await expect(nobody.probe('a')).rejects.toThrow(UnreachableError);
  });
});
