import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enrolMachines } from '../../../simulator/bench/enrol/newcomers.ts';
import { HANDSHAKE, reconnectAgents } from '../../../simulator/bench/enrol/returners.ts';
import { startFloor } from '../../../simulator/bench/floor/server.ts';
import { Connection, type Protocol } from '../../../simulator/bench/load/connection.ts';
import { drive } from '../../../simulator/bench/load/drive.ts';
import { Fleet, heartbeatOf } from '../../../simulator/bench/load/fleet.ts';
import { Http1Exchange, renderHttp1 } from '../../../simulator/bench/load/http1.ts';
import { Http2Exchange, renderHttp2 } from '../../../simulator/bench/load/http2.ts';
import { merged } from '../../../simulator/bench/measure/latency.ts';
import { Holder } from '../../../simulator/bench/memory/holder.ts';
import { prepareDataFolder } from '../../../simulator/bench/parts/api.ts';

const AGENTS = ['01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01', '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c02'];

describe('The load of benches', () => {
  let dataDir: string;
  let floor: Awaited<ReturnType<typeof startFloor>>;
  let ca: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'eucora-load-'));
    const authority = await prepareDataFolder(dataDir);
    ca = authority.certificatePem;
    floor = await startFloor(authority);
  });
  afterAll(async () => {
    await floor?.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it.each<Protocol>(['http1', 'mtls_http1', 'mtls_http2'])(
    'speaks %s, by real connections',
    async (protocol) => {
      const fleet = await Fleet.assemble({ dataDir, agentIds: AGENTS });
      const report = await fleet.run({
        target: { protocol, port: floor.ports[protocol] },
        connections: 2,
        seconds: 0,
        everyone: true,
      });
      expect(report.requests).toBeGreaterThanOrEqual(2);
      expect(report.statuses).toEqual({ 200: report.requests });
      expect(merged([report.latencies]).totalCount).toBe(report.requests);
      fleet.close();
    },
  );

  it('keeps to a schedule', async () => {
    const fleet = await Fleet.assemble({ dataDir, agentIds: AGENTS });
    const target = { protocol: 'http1', port: floor.ports.http1 } as const;
    const report = await fleet.run({ target, connections: 2, seconds: 0.5, rate: 100 });
    expect(report.requests).toBeGreaterThan(0);
    expect(report.requests).toBeLessThanOrEqual(52);
    fleet.close();
  });

  it('enrols machines, each with a handshake of its own', async () => {
    const enrolments = { port: floor.ports.enrol, ca, registrationKey: 'key', seconds: 0.2, atOnce: 2 };
    const report = await enrolMachines(enrolments);
    expect(report.statuses).toEqual({ 201: report.requests });
  });

  it('comes back with whole handshakes and with resumed ones', async () => {
    const reconnects = { dataDir, ports: [floor.ports.mtls_http1], seconds: 0.2, atOnce: 2 };
    for (const resumed of [true, false]) {
      const report = await reconnectAgents({ ...reconnects, resumed });
      expect(Object.keys(report.statuses)).toEqual([String(resumed ? HANDSHAKE.resumed : HANDSHAKE.whole)]);
    }
  });

  it('holds connections that have said a heartbeat', async () => {
    const holder = new Holder();
    for (const protocol of ['mtls_http1', 'mtls_http2'] as const) {
      const held = await holder.hold({
        dataDir,
        agentIds: AGENTS,
        target: { protocol, port: floor.ports[protocol] },
      });
      expect(held.p99_ms).toBeGreaterThanOrEqual(held.p50_ms);
      holder.release();
    }
  });

  it('counts connections that break, and does not use them again', async () => {
    const breaking = createTcpServer((socket) => socket.once('data', () => socket.destroy()));
    await new Promise<void>((resolve) => breaking.listen(0, '127.0.0.1', resolve));
    const { port } = breaking.address() as AddressInfo;
    const connection = await Connection.open({ protocol: 'http1', port }, { ca });
    const request = renderHttp1(heartbeatOf(AGENTS[0] ?? ''));
    const report = await drive({ connections: [connection], next: () => request, seconds: 5 });
    expect(report.statuses).toEqual({ 0: 1 });
    const again = await new Promise<number>((resolve) => connection.send(request, resolve));
    expect(again).toBe(0);
    breaking.close();
  });

  it('cannot hold agents whose heartbeats are refused', async () => {
    const holder = new Holder();
    const target = { protocol: 'mtls_http1', port: floor.ports.mtls_http1 } as const;
    await expect(holder.hold({ dataDir, agentIds: ['no/agent'.padEnd(36, '/')], target })).rejects.toThrow(
      '404',
    );
    holder.release();
  });
});

describe('Answers of HTTP/1.1', () => {
  it('are whole when as much has come as they declare', () => {
    const exchange = new Http1Exchange();
    const answer = Buffer.from('HTTP/1.1 503 Busy\r\nContent-Length: 5\r\nX: y\r\n\r\nhello');
    expect(exchange.take(answer.subarray(0, 10))).toBe(0);
    expect(exchange.take(answer.subarray(10, -2))).toBe(0);
    expect(exchange.take(answer.subarray(-2))).toBe(503);
    expect(exchange.take(answer)).toBe(503);
  });

  it('without a length are not understood', () => {
    expect(() => new Http1Exchange().take(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'))).toThrow('without length');
  });
});

describe('Frames of HTTP/2', () => {
  const frame = (type: number, flags: number, ...payload: number[]) =>
    Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, 1, ...payload]);

  it('make an answer when the stream ends, however they are cut', () => {
    const exchange = new Http2Exchange();
    const sent = exchange.frame(renderHttp2(heartbeatOf(AGENTS[0] ?? '')));
    expect(sent.readUInt32BE(5)).toBe(1);
    const answer = Buffer.concat([frame(4, 0), frame(1, 4, 0x20, 0x88), frame(0, 1, 1, 2, 3)]);
    expect(exchange.take(answer.subarray(0, 12))).toBe(0);
    expect(exchange.take(answer.subarray(12))).toBe(200);
    // The settings are acknowledged, and a ping.
    expect(exchange.pending?.()?.[3]).toBe(4);
    expect(exchange.take(frame(6, 0, 1, 2, 3, 4, 5, 6, 7, 8))).toBe(0);
    expect(exchange.pending?.()?.[3]).toBe(6);
    expect(exchange.pending?.()).toBeUndefined();
  });

  it('that tell a status in full are no success', () => {
    const exchange = new Http2Exchange();
    exchange.frame(renderHttp2(heartbeatOf(AGENTS[0] ?? '')));
    expect(exchange.take(frame(1, 5, 0x8e))).toBe(500);
    expect(exchange.take(frame(1, 5, 0x48))).toBe(1);
  });

  it('widen the window when much has come', () => {
    const exchange = new Http2Exchange();
    const data = Buffer.concat([Buffer.from([0x10, 0, 0, 0, 0, 0, 0, 0, 1]), Buffer.alloc(2 ** 20)]);
    expect(exchange.take(data)).toBe(0);
    expect(exchange.pending?.()?.[3]).toBe(8);
  });

  it('that end the connection or the stream are errors', () => {
    for (const type of [3, 7, 9]) expect(() => new Http2Exchange().take(frame(type, 0, 0))).toThrow('ends');
  });
});

it('a server that answers nonsense breaks the connection', async () => {
  const server: Server = createServer((_request, response) => {
    response.writeHead(200, { 'transfer-encoding': 'chunked' });
    response.end('x');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const connection = await Connection.open({ protocol: 'http1', port }, { ca: '' });
  const request = renderHttp1({ path: '/', headers: { 'X-A': 'b' }, body: '{}' });
  expect(await new Promise<number>((resolve) => connection.send(request, resolve))).toBe(0);
  connection.close();
  server.close();
});
