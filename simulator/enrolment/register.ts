import { X509Certificate } from 'node:crypto';
import type { Dispatcher } from 'undici';
import type { KeyWithRequest } from '../../agent/identity/keys.ts';
import { PlatformClient } from '../../agent/protocol/client.ts';
import type { Profile } from '../fleet/profile.ts';
import type { Recorder } from '../measure/recorder.ts';
import type { EnrolledIdentity } from './identity.ts';

export interface Registration {
  /** Where agents reach the platform. */
  readonly server: string;
  readonly dispatcher: Dispatcher;
  readonly token: string;
  readonly keys: readonly KeyWithRequest[];
  readonly recorder: Recorder;
  readonly onProgress: (enrolled: number) => void;
}

const AT_ONCE = 16;

/** Enrols agents by `POST /agents/register`, a few at a time, as machines do that are rolled out. */
export async function registerAgents(
  profiles: readonly Profile[],
  options: Registration,
): Promise<EnrolledIdentity[]> {
  const client = new PlatformClient({ server: options.server, dispatcher: options.dispatcher });
  const identities: EnrolledIdentity[] = [];
  const waiting = profiles.entries();
  const work = async (): Promise<void> => {
    for (const [position, profile] of waiting) {
      identities[position] = await registerOne(client, profile, options);
      options.onProgress(identities.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, profiles.length) }, work));
  return identities;
}

async function registerOne(
  client: PlatformClient,
  profile: Profile,
  { keys, token, recorder }: Registration,
): Promise<EnrolledIdentity> {
  const keyIndex = profile.index % keys.length;
  const begun = performance.now();
  const { agent_id, certificate } = await client.register({
    registration_key: token,
    csr: keys[keyIndex]?.csr ?? '',
    hostname: profile.hostname,
    platform: profile.platform,
    platform_version: profile.platformVersion,
    agent_version: profile.agentVersion,
    hardware_id: profile.hardwareId,
    cpu_cores: 8,
    memory_mb: 16_384,
    disk_gb: 512,
    tags: { site: `site-${profile.site}` },
  });
  recorder.succeeded('register', performance.now() - begun, '201');
  return { id: agent_id, certificate: new X509Certificate(certificate).raw, keyIndex };
}
