import { note, step } from '../../../cli/engines/progress.ts';
import { type BenchContext, defineBench } from '../bench.ts';
import type { Protocol } from '../load/connection.ts';
import { toMeasurement } from '../measure/measurement.ts';
import { inTurns } from '../measure/rounds.ts';
import { UsageError } from '../options.ts';
import { type Measurement, toLine } from '../result.ts';
import { Rig } from './rig.ts';

const PROTOCOLS: readonly Protocol[] = ['http1', 'mtls_http1', 'mtls_http2'];

/**
 * Heartbeats through the whole stack against a bare route that parses the same body. Its own figures are those of the
 * first protocol; under the names of the others, `steady` and `large` are theirs.
 */
export const checkins = defineBench({
  name: 'checkins',
  summary: 'heartbeats through the whole stack, against a bare Hono route that parses the same body',
  options: {
    agents: { default: 100_000, help: 'agents in the database' },
    speakers: { default: 100_000, help: 'agents that speak on plain HTTP/1.1, at random' },
    connections: { default: 256, help: 'kept-alive connections; with mutual TLS each is an agent’s own' },
    seconds: { default: 4, help: 'length of a round' },
    rounds: { default: 3, help: 'rounds, ours and the floor in turns' },
    protocols: { default: PROTOCOLS.join(), help: 'what is measured' },
    'steady-rate': { default: 1_667, help: 'heartbeats a second of the steady stretch; 0 leaves it out' },
    large: { default: 0, help: 'agents of a second database, to compare the cost; 0 leaves it out' },
    warm: { default: 5, help: 'seconds that each side runs at least before it is measured' },
    profile: { default: '', help: 'folder for a CPU profile of the API' },
  },
  async run(options, context) {
    const [first, ...others] = protocolsOf(options.protocols);
    const rig = await Rig.start(context, options);
    const figures = await measure(context, rig, first, options);
    // Told as they are found, for those who wait.
    const add = (name: string, part: Measurement): void => {
      figures[name] = part;
      note(context.progress, `${name}: ${toLine(part)}`);
    };
    note(context.progress, `${first}: ${toLine(figures)}`);
    for (const protocol of others) add(protocol, await measure(context, rig, protocol, options));
    if (options['steady-rate'] > 0) add('steady', await steady(context, rig, first, options));
    if (options.large > 0) {
      const large = await Rig.start(context, { ...options, agents: options.large });
      add('large', await compareSizes(context, { small: rig, large }, first, options));
    }
    return figures;
  },
});

interface Measuring {
  readonly seconds: number;
  readonly rounds: number;
  readonly warm: number;
  readonly profile: string;
}

/** Caches of code, of certificates and of the database get as warm as in a process that runs for days. */
async function warmUp(
  { progress }: BenchContext,
  rig: Rig,
  protocol: Protocol,
  { warm, profile }: Measuring,
): Promise<void> {
  await step(progress, `Warming up ${protocol}`, async () => {
    await rig.ours(protocol, { seconds: warm, everyone: true });
    await rig.floor(protocol, { seconds: warm });
  });
  if (profile !== '') process.kill(rig.apiPid, 'SIGUSR2');
}

async function measure(
  context: BenchContext,
  rig: Rig,
  protocol: Protocol,
  measuring: Measuring,
): Promise<Measurement> {
  const { rounds, seconds } = measuring;
  await warmUp(context, rig, protocol, measuring);
  return step(context.progress, `Measuring ${protocol}`, async () =>
    toMeasurement(
      await inTurns(rounds, {
        ours: () => rig.ours(protocol, { seconds }),
        floor: () => rig.floor(protocol, { seconds }),
      }),
    ),
  );
}

/** The pace of a fleet instead of all that goes: batches are smaller then, and latency is what agents would see. */
async function steady(
  { progress }: BenchContext,
  rig: Rig,
  protocol: Protocol,
  options: Measuring & { readonly 'steady-rate': number },
): Promise<Measurement> {
  const stretch = { seconds: options.seconds, rate: options['steady-rate'] };
  return step(progress, `Measuring ${protocol} at ${stretch.rate} a second`, async () =>
    toMeasurement(
      await inTurns(options.rounds, {
        ours: () => rig.ours(protocol, stretch),
        floor: () => rig.floor(protocol, stretch),
      }),
    ),
  );
}

/** A larger fleet as ours, the smaller one as the floor. */
async function compareSizes(
  context: BenchContext,
  { small, large }: { readonly small: Rig; readonly large: Rig },
  protocol: Protocol,
  measuring: Measuring,
): Promise<Measurement> {
  const { rounds, seconds } = measuring;
  await warmUp(context, large, protocol, { ...measuring, profile: '' });
  const figures = await step(context.progress, 'Measuring a larger fleet', async () =>
    toMeasurement(
      await inTurns(rounds, {
        ours: () => large.ours(protocol, { seconds }),
        floor: () => small.ours(protocol, { seconds }),
      }),
    ),
  );
  const total = (cpu: unknown): number =>
    Object.values(cpu as Record<string, number>).reduce((sum, one) => sum + one, 0);
  return {
    ...figures,
    cost_ratio: total(figures.cpu_s_per_1000) / total(figures['floor_cpu_s_per_1000']),
  };
}

function protocolsOf(list: string): [Protocol, ...Protocol[]] {
  const [first, ...others] = list.split(',').map((name) => {
    const known = PROTOCOLS.find((protocol) => protocol === name);
    if (known === undefined)
      throw new UsageError(`There is no protocol "${name}": ${PROTOCOLS.join(', ')} are`);
    return known;
  });
  return [first ?? 'http1', ...others];
}
