import { checkins } from '../../../simulator/bench/checkins/bench.ts';
import { enrol } from '../../../simulator/bench/enrol/bench.ts';
import { memory } from '../../../simulator/bench/memory/bench.ts';
import { UsageError } from '../../../simulator/bench/options.ts';
import { measurementSchema } from '../../../simulator/bench/result.ts';
import { runTiny } from './support.ts';

jest.setTimeout(400_000);

const TINY = { rounds: 1, seconds: 0.3, warm: 0.1 };

it('checkins: every protocol, a steady pace and a larger fleet, each against its floor', async () => {
  const figures = await runTiny(checkins, {
    ...TINY,
    agents: 30,
    speakers: 20,
    connections: 4,
    'steady-rate': 100,
    large: 60,
  });
  for (const part of [
    figures,
    figures['mtls_http1'],
    figures['mtls_http2'],
    figures['steady'],
    figures['large'],
  ]) {
    const { rate, floor_rate, cpu_s_per_1000 } = measurementSchema.parse(part);
    expect(rate).toBeGreaterThan(0);
    expect(floor_rate).toBeGreaterThan(0);
    expect(Object.keys(cpu_s_per_1000)).toEqual(['api', 'postgres']);
  }
  expect(figures['large']).toMatchObject({ cost_ratio: expect.any(Number) });
});

it('checkins: an unknown protocol is refused with the known ones', async () => {
  await expect(runTiny(checkins, { ...TINY, protocols: 'http3' })).rejects.toThrow(UsageError);
});

it('enrol: enrolments, and reconnects to one replica and to two, whole and resumed', async () => {
  const figures = await runTiny(enrol, { ...TINY, 'at-once': 2 });
  expect(figures.rate).toBeGreaterThan(0);
  for (const name of ['reconnect_whole', 'reconnect_resumed', 'reconnect_resumed_two_replicas'])
    expect(measurementSchema.parse(figures[name]).rate).toBeGreaterThan(0);
});

it('memory: bytes for each connected agent', async () => {
  for (const protocol of ['mtls_http1', 'mtls_http2']) {
    const figures = await runTiny(memory, { agents: 40, protocol, settle: 0 });
    expect(figures).toMatchObject({
      bytes_per_agent: expect.any(Number),
      floor_bytes_per_agent: expect.any(Number),
    });
  }
});
