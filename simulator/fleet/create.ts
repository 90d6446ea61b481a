import type { EnrolledFleet } from '../enrolment/enrol.ts';
import type { Recorder } from '../measure/recorder.ts';
import type { SimulationOptions } from '../options.ts';
import type { SimulatedPlatform } from '../platform/platform.ts';
import { Tally } from './context.ts';
import { Fleet } from './fleet.ts';
import { MtlsTransport } from './mtls-transport.ts';
import type { Chance } from './random.ts';
import { TimerWheel } from './timer-wheel.ts';
import { ProxyTransport } from './transport.ts';

/** Until an agent has written a task down and begins it. */
const LONGEST_THINK_MS = 1_500;

/** The fleet on the transport that was asked for; asleep. */
export function createFleet(given: {
  readonly options: SimulationOptions;
  readonly platform: SimulatedPlatform;
  readonly enrolled: EnrolledFleet;
  readonly chance: Chance;
  readonly recorder: Recorder;
}): Fleet {
  const { options, platform, enrolled, chance, recorder } = given;
  const transport = options.mtls
    ? new MtlsTransport({
        server: platform.running.endpoints.agent_api,
        caPem: enrolled.caPem,
        keys: enrolled.keys.map((key) => key.privateKey),
      })
    : new ProxyTransport(platform.proxyUrl);
  return new Fleet(
    {
      plan: options,
      chance,
      wheel: new TimerWheel(),
      transport,
      recorder,
      habits: {
        thinkMs: Math.min(LONGEST_THINK_MS, options.heartbeatMs / 4),
        workMs: options.taskMs,
        failureShare: options.failureShare,
        packageFailures: new Map(),
      },
      tally: new Tally(),
    },
    enrolled.agents,
  );
}
