import pg from 'pg';
import { PRESENCE_SHARDS } from '../../../contracts/temporal.ts';

export interface FleetSize {
  readonly agents: number;
  readonly tasks: number;
}

/** An id of version 7 (RFC 9562) whose time is `at` and whose rest is made of `n`, so that equal seeds give equal ids. */
const id7 = (at: string, n: string): string =>
  `encode(substring(int8send((extract(epoch FROM ${at}) * 1000)::bigint) FROM 3) || '\\x7000'::bytea
     || overlay(int8send((${n})::bigint) PLACING '\\x80'::bytea FROM 1 FOR 1), 'hex')::uuid`;

/** A number from 0 to below 1 that follows from `n` and is spread evenly. */
const chance = (n: string, salt: number): string =>
  `((hashint8extended((${n})::bigint, ${salt}) & 1048575) / 1048576.0)`;

/** A fleet at one moment for all its tables, so that ids made of times are the same in each of them. */
interface Seeding extends FleetSize {
  /** SQL literal. */
  readonly now: string;
}

/** Enrolled over a year, the newest an hour ago. */
const enrolledAt = ({ agents, now }: Seeding, n: string): string =>
  `${now} - interval '1 hour' - interval '365 days' * (1 - (${n})::float8 / ${agents})`;

/** Created over 90 days, so that each page spans a few seconds. */
const createdAt = ({ tasks, now }: Seeding, n: string): string =>
  `${now} - interval '90 days' * (1 - (${n})::float8 / ${tasks})`;

const agentId = (seeding: Seeding, n: string): string => id7(enrolledAt(seeding, n), n);
const taskId = (seeding: Seeding, n: string): string => id7(createdAt(seeding, n), n);

/** Shares as of a fleet in daily use; what is rare is spread over all ages. */
const agentsSql = (size: Seeding): string => `
  INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
    presence_shard, first_seen_at, offline_since, cpu_cores, memory_mb, disk_gb, tags, metadata, created_at, updated_at)
  SELECT ${agentId(size, 'n')}, 'bench:' || n, 'bench-' || n,
    (ARRAY['zrh', 'gva', 'bru', 'muc', 'ams', 'lis', 'osl', 'waw'])[1 + n % 8] || '-' || (ARRAY['nb', 'ws', 'srv'])[1 + n % 3] || '-' || lpad(n::text, 7, '0'),
    CASE WHEN c < 0.7 THEN 'windows' WHEN c < 0.88 THEN 'macos' ELSE 'linux' END, '11',
    CASE WHEN v < 0.9 THEN '1.4.0' WHEN v < 0.9999 THEN '1.3.' || (v * 1000)::int % 10 ELSE '0.9.1' END,
    CASE WHEN s < 0.86 THEN 'ONLINE' WHEN s < 0.97 THEN 'OFFLINE' WHEN s < 0.99 THEN 'DEGRADED' ELSE 'UNKNOWN' END,
    n % ${PRESENCE_SHARDS}, at, CASE WHEN s >= 0.86 AND s < 0.97 THEN now() - interval '60 days' * s2 * s2 END,
    8, 16384, 512,
    jsonb_build_object('site', (ARRAY['zrh', 'gva', 'bru', 'muc', 'ams', 'lis', 'osl', 'waw'])[1 + n % 8], 'ring', n % 5)
      || CASE WHEN n % 997 = 0 THEN '{"critical": true}'::jsonb ELSE '{}' END
      || CASE WHEN n % 99991 = 0 THEN '{"lab": "x"}'::jsonb ELSE '{}' END,
    '{}', at, at
  FROM (SELECT n, ${enrolledAt(size, 'n')} AS at, ${chance('n', 1)} AS c, ${chance('n', 2)} AS v, ${chance('n', 3)} AS s,
      ${chance('n', 4)} AS s2 FROM generate_series(1, ${size.agents}) n) made`;

const presenceSql = `
  INSERT INTO agent_presence (agent_id, last_heartbeat_at, shard, status, agent_version, hardware_id)
  SELECT id, CASE status WHEN 'UNKNOWN' THEN NULL WHEN 'OFFLINE' THEN offline_since - interval '5 minutes'
      ELSE now() - interval '60 seconds' * random() END, presence_shard, status, agent_version, hardware_id
  FROM agent`;

const termsSql = `
  INSERT INTO agent_term SELECT term, id FROM agent, agent_terms(hostname, tags) term ORDER BY term COLLATE "C", id`;

const tasksSql = (size: Seeding): string => `
  INSERT INTO agent_task (id, agent_id, task_type, status, payload, timeout_seconds, max_retries, assigned_at, started_at,
    completed_at, result, correlation_id, created_by, created_at)
  SELECT ${taskId(size, 'n')}, ${agentId(size, `1 + (n * 7919) % ${size.agents}`)},
    CASE WHEN c < 0.6 THEN 'COLLECT' WHEN c < 0.9 THEN 'DEPLOY' WHEN c < 0.999 THEN 'REMEDIATE' ELSE 'UPDATE' END,
    CASE WHEN s < 0.97 THEN 'COMPLETED' WHEN s < 0.985 THEN 'FAILED' WHEN s < 0.989 THEN 'TIMEOUT' WHEN s < 0.995 THEN 'CANCELLED'
      WHEN s < 0.997 THEN 'PENDING' WHEN s < 0.998 THEN 'ASSIGNED' ELSE 'IN_PROGRESS' END,
    '{"collect": "inventory"}', 3600, 3, at, at, CASE WHEN s < 0.995 THEN at END, CASE WHEN s < 0.97 THEN '{"exit_code": 0}'::jsonb END,
    'rollout-' || n / 10000, 'bench', at
  FROM (SELECT n, ${createdAt(size, 'n')} AS at, ${chance('n', 5)} AS c, ${chance('n', 6)} AS s
    FROM generate_series(1::bigint, ${size.tasks}) n) made`;

/** What else operators list, in numbers that go with the fleet. */
const recordsSql = (size: Seeding): Record<string, string> => ({
  offline_queue_item: `
    INSERT INTO offline_queue_item (id, agent_id, task_id, queued_at, delivered_at, retry_count, max_retries)
    SELECT uuid7(), agent_id, id, created_at, CASE WHEN ${chance('queue_seq', 7)} < 0.95 THEN created_at END, 0, 3
    FROM agent_task WHERE status = 'PENDING' OR queue_seq % 100 = 0`,
  deployment_status: `
    INSERT INTO deployment_status (id, agent_id, task_id, package_name, package_version, status, reported_at)
    SELECT uuid7(), agent_id, id, 'package-' || queue_seq % 1000, '1.0', 'completed', created_at FROM agent_task WHERE queue_seq % 10 = 0`,
  alert: `
    INSERT INTO alert (id, kind, agent_id, opened_at, resolved_at, delivery, delivery_batch)
    SELECT uuid7(), 'agent_offline', id, created_at, CASE WHEN created_at > now() - interval '360 days' THEN created_at END, 'disabled', id
    FROM agent ORDER BY created_at LIMIT ${Math.ceil(size.agents / 10)}`,
  audit_event: `
    INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after, correlation_id)
    SELECT ${id7('at', 'n')}, at, 'agent', ${agentId(size, `1 + (n * 7919) % ${size.agents}`)}::text,
      'agent_task.' || (ARRAY['assign', 'start', 'complete'])[1 + n % 3],
      CASE WHEN n % 99991 = 0 THEN 'security' ELSE 'change' END, 'agent_task', ${taskId(size, '1 + n / 3')}::text,
      '{"status": "PENDING"}', '{"status": "ASSIGNED"}', 'rollout-' || n / 10000
    FROM (SELECT n, now() - interval '20 days' * (1 - n::float8 / ${size.tasks}) AS at
      FROM generate_series(1::bigint, ${size.tasks}, 3) n) made`,
  telemetry: `
    INSERT INTO telemetry (agent_id, collected_at, received_at, cpu_percent, memory_percent, disk_percent)
    SELECT a.id, now() - s * interval '5 minutes', now(), 12, 40, 50 FROM (SELECT id FROM agent LIMIT 5000) a, generate_series(1, 200) s`,
});

/**
 * Fills an empty, migrated database with a fleet as it stands after some months. Indexes are made after the rows
 * were written, triggers (foreign keys, counters) rest meanwhile and what they keep is counted at the end.
 */
export async function seedFleet(
  databaseUrl: string,
  size: FleetSize,
  progress: (step: string) => void = () => undefined,
): Promise<void> {
  // No connection of the product's pool: those give up after half a minute.
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`SET statement_timeout = 0; SET session_replication_role = replica;
      SET synchronous_commit = off; SET maintenance_work_mem = '512MB'`);
    for (const table of ['telemetry', 'audit_event']) {
      const step = table === 'telemetry' ? 'day' : 'month';
      await client.query(
        `SELECT ensure_partitions('${table}', '${step}', now() - interval '21 days', now() + interval '1 day')`,
      );
    }
    const seeding = { ...size, now: `timestamptz '${new Date().toISOString()}'` };
    const steps: Record<string, string> = {
      agent: agentsSql(seeding),
      agent_presence: presenceSql,
      agent_term: termsSql,
      agent_task: tasksSql(seeding),
      ...recordsSql(seeding),
    };
    for (const [table, sql] of Object.entries(steps)) {
      progress(`writing ${table}`);
      await withoutIndexes(client, table, () => client.query(sql));
    }
    await client.query('SELECT recount_agents()');
    progress('vacuum and statistics');
    await client.query('VACUUM (ANALYZE)');
  } finally {
    await client.end();
  }
}

/** Drops the indexes that no constraint needs, and makes them again when `work` is done. */
async function withoutIndexes(client: pg.Client, table: string, work: () => Promise<unknown>): Promise<void> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
     WHERE i.indrelid = $1::regclass AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)`,
    [table],
  );
  for (const { name } of rows) await client.query(`DROP INDEX ${name}`);
  await work();
  for (const { definition } of rows) await client.query(definition.replace(' ON ONLY ', ' ON '));
}
