import { readFile } from 'node:fs/promises';
import type { Pool } from 'pg';
import { Agent } from 'undici';
import { z } from 'zod';
import type { KeyWithRequest } from '../../agent/identity/keys.ts';
import type { RunningPlatform } from '../../cli/platform/start.ts';
import type { Profile } from '../fleet/profile.ts';
import type { Chance } from '../fleet/random.ts';
import { VirtualAgent } from '../fleet/virtual-agent.ts';
import type { Recorder } from '../measure/recorder.ts';
import type { Operator } from '../platform/operator.ts';
import { makeSharedKeys } from './identity.ts';
import { prepareAgents } from './prepare.ts';
import { registerAgents } from './register.ts';

export interface EnrolmentOptions {
  readonly platform: RunningPlatform;
  readonly operator: Operator;
  readonly pool: Pool;
  readonly chance: Chance;
  readonly recorder: Recorder;
  /** The first so many enrol by the API. */
  readonly register: number;
  readonly onProgress: (enrolled: number) => void;
}

export interface EnrolledFleet {
  readonly agents: VirtualAgent[];
  readonly keys: readonly KeyWithRequest[];
  readonly caPem: string;
}

const createdToken = z.object({ token: z.string() });

/** Gives every profile an identity of the platform: the first by registering, the others prepared. */
export async function enrolFleet(
  profiles: readonly Profile[],
  options: EnrolmentOptions,
): Promise<EnrolledFleet> {
  const { platform, operator, register } = options;
  const keys = await makeSharedKeys();
  const caPem = await readFile(platform.endpoints.ca_certificate, 'utf8');
  const { token } = createdToken.parse(
    await operator.call('POST', '/enrolment-tokens', { name: 'simulated fleet', max_uses: null }),
  );
  const dispatcher = new Agent({ connect: { ca: caPem }, connections: 16 });
  const registered = await registerAgents(profiles.slice(0, register), {
    ...options,
    server: platform.endpoints.agent_api,
    dispatcher,
    token,
    keys,
  });
  await dispatcher.close();
  const prepared = await prepareAgents(profiles.slice(register), {
    ...options,
    dataDir: platform.dataDir,
    keys,
    onProgress: (count) => options.onProgress(register + count),
  });
  const identities = [...registered, ...prepared];
  const agents = profiles.map((profile, index) => {
    const identity = identities[index];
    if (identity === undefined) throw new Error(`Agent ${profile.hostname} has no identity`);
    return new VirtualAgent(profile, identity);
  });
  return { agents, keys, caPem };
}
