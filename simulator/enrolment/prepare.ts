import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Pool } from 'pg';
import type { KeyWithRequest } from '../../agent/identity/keys.ts';
import { PRESENCE_SHARDS } from '../../contracts/temporal.ts';
import { CertificateAuthority } from '../../runtime/certificates/authority.ts';
import type { Profile } from '../fleet/profile.ts';
import type { Chance } from '../fleet/random.ts';
import { CertificatePress } from './certificate-press.ts';
import type { EnrolledIdentity } from './identity.ts';

export interface Preparation {
  readonly pool: Pool;
  /** Of the platform; its CA signs. */
  readonly dataDir: string;
  readonly keys: readonly KeyWithRequest[];
  readonly chance: Chance;
  readonly onProgress: (prepared: number) => void;
}

const BATCH = 2_000;
const STENCIL = { id: '00000000-0000-0000-0000-000000000000', hostname: 'sim-stencil' } as const;

/**
 * Puts agents straight into the database, as if they had enrolled before: for fleets of which registering each would
 * take longer than the run itself. Their certificates are as good as any other's.
 */
export async function prepareAgents(
  profiles: readonly Profile[],
  options: Preparation,
): Promise<EnrolledIdentity[]> {
  const authority = await CertificateAuthority.open(options.dataDir);
  const presses = await makePresses(authority, options);
  const expires = new Date(Date.now() + 360 * 86_400_000);
  const identities: EnrolledIdentity[] = [];
  for (let from = 0; from < profiles.length; from += BATCH) {
    const batch = profiles.slice(from, from + BATCH).map((profile) => {
      const keyIndex = profile.index % presses.length;
      const id = agentId(options.chance, profile.index);
      const printed = presses[keyIndex]?.print({ id, hostname: profile.hostname });
      if (printed === undefined) throw new Error('There is no key to prepare agents with');
      return { profile, id, keyIndex, ...printed };
    });
    await insert(options.pool, batch, expires, authority.fingerprint);
    identities.push(...batch.map(({ id, der, keyIndex }) => ({ id, certificate: der, keyIndex })));
    options.onProgress(identities.length);
  }
  // Autovacuum would come by within a minute; until then plans would be made for empty tables.
  for (const table of ['agent', 'agent_presence', 'agent_certificate'])
    await options.pool.query(`ANALYZE ${table}`);
  return identities;
}

async function makePresses(
  authority: CertificateAuthority,
  { dataDir, keys }: Preparation,
): Promise<CertificatePress[]> {
  const authorityKey = await readFile(CertificateAuthority.paths(dataDir).key, 'utf8');
  return Promise.all(
    keys.map(async ({ csr }) => {
      const issued = await authority.issueAgentCertificate(csr, { id: STENCIL.id, name: STENCIL.hostname });
      return new CertificatePress(issued.pem, STENCIL, authorityKey);
    }),
  );
}

/** A version 7 id from the seed; the agents of one fleet enrolled one after the other. */
function agentId(chance: Chance, index: number): string {
  const time = (Date.UTC(2026, 0, 1) + index).toString(16).padStart(12, '0');
  const rest = chance.uuid('hardware', index, 1);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(15)}`;
}

interface PreparedAgent {
  readonly profile: Profile;
  readonly id: string;
  readonly der: Buffer;
  readonly serial: string;
}

async function insert(
  pool: Pool,
  agents: readonly PreparedAgent[],
  expires: Date,
  authority: string,
): Promise<void> {
  await pool.query(
    `WITH fleet AS (
       SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[],
         $8::jsonb[], $9::text[], $10::text[])
         AS f(id, hardware_id, hostname, platform, platform_version, agent_version, shard, tags, serial, fingerprint)
     ), enrolled AS (
       INSERT INTO agent (id, registration_key, hardware_id, platform, presence_shard, hostname, platform_version,
         agent_version, cpu_cores, memory_mb, disk_gb, tags, metadata, status, first_seen_at, created_at, updated_at)
       SELECT id, 'prepared:' || hardware_id, hardware_id, platform, shard, hostname, platform_version,
         agent_version, 8, 16384, 512, tags, '{"prepared": true}', 'UNKNOWN', now(), now(), now() FROM fleet
       RETURNING id
     ), present AS (
       INSERT INTO agent_presence (agent_id, shard, status, agent_version, hardware_id)
       SELECT f.id, f.shard, 'UNKNOWN', f.agent_version, f.hardware_id FROM fleet f JOIN enrolled e ON e.id = f.id
     )
     INSERT INTO agent_certificate (serial, agent_id, fingerprint_sha256, not_before, not_after, issued_at, authority_sha256)
     SELECT f.serial, f.id, f.fingerprint, now() - interval '1 minute', $11, now(), $12 FROM fleet f JOIN enrolled e ON e.id = f.id`,
    [
      agents.map(({ id }) => id),
      agents.map(({ profile }) => profile.hardwareId),
      agents.map(({ profile }) => profile.hostname),
      agents.map(({ profile }) => profile.platform),
      agents.map(({ profile }) => profile.platformVersion),
      agents.map(({ profile }) => profile.agentVersion),
      agents.map(({ id }) => Number.parseInt(id.slice(-4), 16) % PRESENCE_SHARDS),
      agents.map(({ profile }) => JSON.stringify({ site: `site-${profile.site}` })),
      agents.map(({ serial }) => serial),
      agents.map(({ der }) => createHash('sha256').update(der).digest('hex')),
      expires,
      authority,
    ],
  );
}
