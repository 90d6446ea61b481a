import type { Pool, PoolClient } from 'pg';
import type { RegisterRequest } from '../../../contracts/agent/enrolment.ts';
import { PRESENCE_SHARDS } from '../../../contracts/temporal.ts';
import { inTransaction } from '../../database.ts';
import type { EnrolmentTokenRow } from '../../models/rows.ts';
import { appendAudit } from '../audit.ts';
import { hashToken } from '../tokens.ts';

export type EnrolmentAnswer =
  | { readonly kind: 'enrolled'; readonly agentId: string }
  | { readonly kind: 'known'; readonly agentId: string }
  | {
      readonly kind: 'token_unknown' | 'token_expired' | 'token_used_up' | 'token_revoked';
      readonly tokenId?: string;
    }
  | { readonly kind: 'agent_revoked' | 'too_many_clones'; readonly agentId: string };

/** Agents that one identity and its clones may make by certificate; every further machine needs a registration key. */
export const MAX_CLONES = 5;

interface NewIdentity {
  readonly registrationKey: string;
  readonly hardwareId: string;
  readonly tokenId: string | null;
  readonly clonedFrom: string | null;
  readonly tags: object;
}

/** What tells one machine from another: its own word, or the best that is known of it. */
export function hardwareIdOf(request: RegisterRequest): string {
  return (
    request.hardware_id ??
    (request.mac_address
      ? `mac:${request.mac_address.toLowerCase()}`
      : `host:${request.hostname.toLowerCase()}`)
  );
}

type TokenRow = EnrolmentTokenRow & { expired: boolean };

/**
 * Enrols a machine by its registration key. The same key and hardware is the same agent. Machines that share a key
 * without a limit do not wait for each other: the key's row is only locked to count the use, last of all.
 */
export async function enrolByToken(
  pool: Pool,
  request: RegisterRequest,
  correlationId: string,
): Promise<EnrolmentAnswer> {
  try {
    return await enrolOnce(pool, request, correlationId);
  } catch (error) {
    if (error instanceof RevokedMeanwhile) return { kind: 'token_revoked', tokenId: error.tokenId };
    throw error;
  }
}

function enrolOnce(pool: Pool, request: RegisterRequest, correlationId: string): Promise<EnrolmentAnswer> {
  return inTransaction(pool, async (client): Promise<EnrolmentAnswer> => {
    let token = await findToken(client, request.registration_key);
    if (token?.max_uses != null) token = await findToken(client, request.registration_key, 'FOR UPDATE');
    const refusal = refusalOf(token);
    if (token === undefined || refusal !== undefined) return refusal ?? { kind: 'token_unknown' };
    const hardwareId = hardwareIdOf(request);
    const registrationKey = `${token.id}:${hardwareId}`;
    const known = await findKnown(client, request, registrationKey);
    if (known !== undefined) return known;
    if (token.max_uses !== null && token.use_count >= token.max_uses)
      return { kind: 'token_used_up', tokenId: token.id };
    const tags = { ...request.tags, ...token.tags };
    const answer = await insertAgent(
      client,
      request,
      { registrationKey, hardwareId, tokenId: token.id, clonedFrom: null, tags },
      correlationId,
    );
    if (answer.kind === 'enrolled') await countUse(client, token.id);
    return answer;
  });
}

async function findToken(client: PoolClient, key: string, lock = ''): Promise<TokenRow | undefined> {
  const { rows } = await client.query<TokenRow>(
    `SELECT *, expires_at <= now() AS expired FROM enrolment_token WHERE token_hash = $1 ${lock}`,
    [hashToken(key)],
  );
  return rows[0];
}

function refusalOf(token: TokenRow | undefined): EnrolmentAnswer | undefined {
  if (token === undefined) return { kind: 'token_unknown' };
  if (token.revoked_at !== null) return { kind: 'token_revoked', tokenId: token.id };
  if (token.expired) return { kind: 'token_expired', tokenId: token.id };
  return undefined;
}

/** Undoes the enrolment. */
class RevokedMeanwhile extends Error {
  readonly tokenId: string;
  constructor(tokenId: string) {
    super('The registration key was revoked meanwhile');
    this.tokenId = tokenId;
  }
}

async function countUse(client: PoolClient, tokenId: string): Promise<void> {
  const { rowCount } = await client.query(
    'UPDATE enrolment_token SET use_count = use_count + 1 WHERE id = $1 AND revoked_at IS NULL',
    [tokenId],
  );
  if (rowCount === 0) throw new RevokedMeanwhile(tokenId);
}

/**
 * Gives a machine that holds another agent's certificate an identity of its own, always the same one for the
 * same hardware, but without the owner's tags, and only a few times. The agent's own machine keeps its identity.
 */
export function enrolByCertificate(
  pool: Pool,
  request: RegisterRequest,
  ownerId: string,
  correlationId: string,
): Promise<EnrolmentAnswer> {
  return inTransaction(pool, async (client): Promise<EnrolmentAnswer> => {
    await lockFamily(client, ownerId);
    const { rows } = await client.query<{ hardware_id: string; revoked: boolean }>(
      'SELECT hardware_id, revoked_at IS NOT NULL AS revoked FROM agent WHERE id = $1',
      [ownerId],
    );
    const owner = rows[0];
    if (owner === undefined || owner.revoked) return { kind: 'agent_revoked', agentId: ownerId };
    const hardwareId = hardwareIdOf(request);
    if (owner.hardware_id === hardwareId) return greetAgain(client, request, ownerId);
    const registrationKey = `clone:${ownerId}:${hardwareId}`;
    const known = await findKnown(client, request, registrationKey);
    if (known !== undefined) return known;
    if ((await countClones(client, ownerId)) >= MAX_CLONES)
      return { kind: 'too_many_clones', agentId: ownerId };
    const answer = await insertAgent(
      client,
      request,
      { registrationKey, hardwareId, tokenId: null, clonedFrom: ownerId, tags: request.tags ?? {} },
      correlationId,
    );
    if (answer.kind !== 'enrolled') return answer;
    await appendAudit(client, [
      {
        actor: { type: 'agent', id: answer.agentId },
        action: 'security.agent_cloned',
        kind: 'security',
        object_type: 'agent',
        object_id: ownerId,
        after: { clone: answer.agentId, hostname: request.hostname, hardware_id: hardwareId },
        correlation_id: correlationId,
      },
    ]);
    return answer;
  });
}

/** Those that an agent comes from by certificate, itself first. */
const ANCESTORS = `
  WITH RECURSIVE ancestor AS (
    SELECT id, cloned_from FROM agent WHERE id = $1
    UNION SELECT a.id, a.cloned_from FROM agent a JOIN ancestor ON a.id = ancestor.cloned_from
  )`;

/** Clones of a family come one after the other, and none while its owner is revoked. */
async function lockFamily(client: PoolClient, agentId: string): Promise<void> {
  await client.query(
    `${ANCESTORS} SELECT 1 FROM agent WHERE id IN (SELECT id FROM ancestor) ORDER BY id FOR UPDATE`,
    [agentId],
  );
}

/** All clones of the agent that the family began with, and theirs: a clone makes no more of them than its owner. */
async function countClones(client: PoolClient, agentId: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `${ANCESTORS}, family AS (
       SELECT id FROM ancestor WHERE cloned_from IS NULL
       UNION SELECT a.id FROM agent a JOIN family ON a.cloned_from = family.id
     )
     SELECT count(*) - 1 AS count FROM family`,
    [agentId],
  );
  return Number(rows[0]?.count ?? 0);
}

/** A machine that enrols again tells what it is by now; what it leaves out stays. */
async function greetAgain(
  client: PoolClient,
  request: RegisterRequest,
  agentId: string,
): Promise<{ kind: 'known'; agentId: string }> {
  await client.query(
    `UPDATE agent SET hostname = $2, platform_version = COALESCE(NULLIF($3, ''), platform_version), agent_version = $4,
       cpu_cores = COALESCE($5, cpu_cores), memory_mb = COALESCE($6, memory_mb), disk_gb = COALESCE($7, disk_gb),
       ip_address = COALESCE($8, ip_address), mac_address = COALESCE($9, mac_address), updated_at = now()
     WHERE id = $1`,
    [agentId, ...factsOf(request)],
  );
  return { kind: 'known', agentId };
}

function factsOf(request: RegisterRequest): unknown[] {
  return [
    request.hostname,
    request.platform_version,
    request.agent_version,
    request.cpu_cores ?? null,
    request.memory_mb ?? null,
    request.disk_gb ?? null,
    request.ip_address ?? null,
    request.mac_address ?? null,
  ];
}

async function findKnown(
  client: PoolClient,
  request: RegisterRequest,
  registrationKey: string,
): Promise<EnrolmentAnswer | undefined> {
  // Locked: it may be about to be revoked, or deleted.
  const { rows } = await client.query<{ id: string; revoked: boolean }>(
    'SELECT id, revoked_at IS NOT NULL AS revoked FROM agent WHERE registration_key = $1 FOR NO KEY UPDATE',
    [registrationKey],
  );
  const known = rows[0];
  if (known === undefined) return undefined;
  if (known.revoked) return { kind: 'agent_revoked', agentId: known.id };
  return greetAgain(client, request, known.id);
}

/** Known at once to agents, presence and the audit. Another request of the same machine may have been faster. */
const INSERT = `
  WITH made AS (
    INSERT INTO agent (id, registration_key, hardware_id, enrolment_token_id, platform, presence_shard,
      hostname, platform_version, agent_version, cpu_cores, memory_mb, disk_gb, ip_address, mac_address,
      tags, metadata, cloned_from, status, first_seen_at, created_at, updated_at)
    SELECT id, $1, $2, $3, $4, ('x' || right(id::text, 4))::bit(16)::integer % ${PRESENCE_SHARDS},
      $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'UNKNOWN', now(), now(), now()
    FROM (SELECT uuid7() AS id) new
    ON CONFLICT (registration_key) DO NOTHING
    RETURNING id, presence_shard, agent_version, hardware_id
  ), present AS (
    INSERT INTO agent_presence (agent_id, shard, status, agent_version, hardware_id)
    SELECT id, presence_shard, 'UNKNOWN', agent_version, hardware_id FROM made
  )
  SELECT id FROM made`;

async function insertAgent(
  client: PoolClient,
  request: RegisterRequest,
  identity: NewIdentity,
  correlationId: string,
): Promise<EnrolmentAnswer> {
  const { rows } = await client.query<{ id: string }>(INSERT, [
    identity.registrationKey,
    identity.hardwareId,
    identity.tokenId,
    request.platform,
    ...factsOf(request),
    JSON.stringify(identity.tags),
    JSON.stringify(request.metadata ?? {}),
    identity.clonedFrom,
  ]);
  const agentId = rows[0]?.id;
  if (agentId === undefined) return knownMeanwhile(client, request, identity.registrationKey);
  await appendAudit(client, [
    {
      actor: { type: 'agent', id: agentId },
      action: 'agent.enrol',
      kind: 'change',
      object_type: 'agent',
      object_id: agentId,
      after: {
        status: 'UNKNOWN',
        hostname: request.hostname,
        platform: request.platform,
        enrolment_token_id: identity.tokenId,
        cloned_from: identity.clonedFrom,
      },
      correlation_id: correlationId,
    },
  ]);
  return { kind: 'enrolled', agentId };
}

async function knownMeanwhile(
  client: PoolClient,
  request: RegisterRequest,
  registrationKey: string,
): Promise<EnrolmentAnswer> {
  const known = await findKnown(client, request, registrationKey);
  if (known === undefined) throw new Error('An agent was made and deleted while it enrolled');
  return known;
}
