import { step } from '../../../cli/engines/progress.ts';
import type { Order } from '../../load/orders.ts';
import { type BenchContext, defineBench } from '../bench.ts';
import { perThousand } from '../measure/cpu.ts';
import { UsageError } from '../options.ts';
import { Stage } from './stage.ts';

/** Devices that get tasks before anything is measured. */
const WARM = 200;
const MOST_IN_FLIGHT = 5_000;

/** Many deployments at a time, and one that is large; against bulk tasks for as many devices as the large one has. */
export const deployments = defineBench({
  name: 'deployments',
  summary: 'deployments through rings and approvals, against bulk tasks for as many devices',
  options: {
    agents: { default: 10_000, help: 'devices of the large deployment' },
    intents: { default: 1_000, help: 'small deployments, each of a package of its own' },
    devices: { default: 1, help: 'devices of each small deployment' },
    'at-once': { default: 8, help: 'small deployments that are ordered at the same time' },
    'in-flight': { default: MOST_IN_FLIGHT, help: 'devices of a deployment that may be at work at once' },
    work: { default: 0, help: 'milliseconds that agents work on a task' },
  },
  async run(options, context) {
    const { agents, intents, devices } = options;
    if (Math.min(agents, intents, devices, options['at-once']) < 1)
      throw new UsageError('--agents, --intents, --devices and --at-once are 1 at the least');
    if (devices > agents) throw new UsageError('--devices is no more than --agents');
    const stage = await Stage.open(context, options);
    await stage.bulk('Warming up', Math.min(WARM, agents));
    const many = await ofMany(stage, context, options);
    const floor = await stage.bulk(`${agents} bulk tasks`, agents);
    const one = await ofOne(stage, context, options);
    return {
      rate: agents / one.seconds,
      floor_rate: agents / floor.seconds,
      ratio: floor.seconds / one.seconds,
      cpu_s_per_1000: perThousand(one.cpu, agents),
      p50_ms: many.p50_ms,
      p99_ms: many.p99_ms,
      floor_cpu_s_per_1000: perThousand(floor.cpu, agents),
      seconds: one.seconds,
      floor_seconds: floor.seconds,
      quiet_seconds: one.quietSeconds,
      floor_quiet_seconds: floor.quietSeconds,
      workflow_runs: one.histories.length,
      workflow_events: one.histories.reduce((sum, events) => sum + events, 0),
      intents: many,
    };
  },
});

type Options = Readonly<Record<'agents' | 'intents' | 'devices' | 'at-once' | 'in-flight', number>>;

async function ofMany(stage: Stage, { progress }: BenchContext, options: Options) {
  const { intents, devices } = options;
  const pipelines = await step(progress, `Preparing ${intents} packages`, () =>
    stage.packages('bench', intents),
  );
  const orders = pipelines.map(
    (pipelineId, n): Order => ({
      pipelineId,
      agentIds: Array.from({ length: devices }, (_, k) => stage.agentAt(n * devices + k)),
      rings: [{ size: { rest: true } }],
      inFlight: options['in-flight'],
    }),
  );
  let ids: readonly string[] = [];
  let orderedMs = 0;
  const took = await stage.measure(`${intents} deployments`, async (tell) => {
    const begun = performance.now();
    ids = await stage.orders.deployAll(orders, options['at-once']);
    orderedMs = performance.now() - begun;
    await stage.watch.completed(ids, tell);
  });
  await stage.expect(ids, intents * devices);
  const { p50_ms, p99_ms } = await stage.watch.durations(ids);
  const [events = 0] = await stage.watch.histories(ids.at(-1) ?? '');
  return {
    count: intents,
    devices,
    rate_per_second: intents / took.seconds,
    ordered_per_second: (intents * 1_000) / orderedMs,
    p50_ms,
    p99_ms,
    quiet_seconds: took.quietSeconds,
    cpu_s_by_process_per_1000: perThousand(took.cpu, intents),
    workflow_events: events,
  };
}

async function ofOne(stage: Stage, { progress }: BenchContext, options: Options) {
  const { agents } = options;
  const [pipelineId = ''] = await step(progress, 'Preparing a package', () => stage.packages('large', 1));
  let id = '';
  const took = await stage.measure(`One deployment to ${agents} devices`, async (tell) => {
    id = await stage.orders.deploy({
      pipelineId,
      rings: [{ size: { count: 100 } }, { size: { percent: 10 } }, { size: { rest: true } }],
      inFlight: options['in-flight'],
    });
    await stage.watch.completed([id], tell);
  });
  await stage.expect([id], agents);
  return { ...took, histories: await stage.watch.histories(id) };
}
