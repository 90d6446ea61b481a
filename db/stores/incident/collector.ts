import type { Pool, PoolClient } from 'pg';
import { ADVISORY_LOCKS } from '../../advisory-locks.ts';
import { inTransaction } from '../../database.ts';
import { appendAudit } from '../audit.ts';
import { type FailedTask, type Fingerprint, fingerprintOf } from './fingerprint.ts';
import { moveIncident } from './move.ts';

const BATCH = 500;
/** A workflow that waits for a person need not hear of every further device; one that remedies soon must. */
const JOIN_SECONDS = 300;
const REMEDY_SECONDS = 1;

const ACTOR = { type: 'system', id: 'incident-collector' } as const;

interface Noticed extends FailedTask {
  readonly task_id: string;
  readonly agent_id: string | null;
  readonly status: string | null;
  readonly completed_at: Date;
  readonly correlation_id: string;
  readonly script_of: string | null;
  readonly verifies: string | null;
  readonly retried: boolean;
  readonly window_start: Date;
}

type Failure = Noticed & { readonly agent_id: string; readonly status: string; readonly print: Fingerprint };

interface Known {
  readonly id: string;
  readonly fingerprint: string;
  readonly status: string;
  readonly outcome: string | null;
}

/**
 * Takes a batch of ended tasks out of the inbox and puts each failure to its incident, opening or reopening those that
 * it takes. All in one transaction: whatever dies, a task counts once. However many failures come in a batch, the
 * workflow of an incident is told once.
 *
 * @returns how many tasks were taken
 */
export async function collectFailures(pool: Pool, windowSeconds: number): Promise<number> {
  // Asked four times a second, nearly always in vain.
  const { rows } = await pool.query<{ some: boolean }>(
    'SELECT EXISTS (SELECT 1 FROM incident_inbox) AS some',
  );
  if (rows[0]?.some !== true) return 0;
  return inTransaction(pool, async (client) => {
    // Collectors take turns: two would open the same incident.
    const turn = await client.query<{ mine: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS mine', [
      ADVISORY_LOCKS.collector,
    ]);
    if (turn.rows[0]?.mine !== true) return 0;
    const noticed = await takeNoticed(client, windowSeconds);
    if (noticed.length === 0) return 0;
    await tellRemedied(client, noticed);
    const failures = noticed.filter(isFailure).map((task) => ({ ...task, print: fingerprintOf(task) }));
    if (failures.length > 0) await join(client, failures);
    return noticed.length;
  });
}

async function takeNoticed(client: PoolClient, windowSeconds: number): Promise<Noticed[]> {
  const { rows } = await client.query<Noticed>(
    `WITH taken AS (
       DELETE FROM incident_inbox WHERE task_id IN (
         SELECT task_id FROM incident_inbox ORDER BY noticed_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)
       RETURNING task_id
     )
     SELECT taken.task_id, t.agent_id, t.status, t.task_type, t.payload ->> 'package_name' AS package_name,
       CASE WHEN t.result ->> 'exit_code' ~ '^-?[0-9]{1,10}$' THEN (t.result ->> 'exit_code')::bigint END AS exit_code,
       t.error_message, t.completed_at, t.correlation_id, t.retry_of IS NOT NULL AS retried, a.platform,
       script.incident_id AS script_of, verified.incident_id AS verifies,
       to_timestamp(floor(extract(epoch FROM now()) / $1) * $1) AS window_start
     FROM taken LEFT JOIN agent_task t ON t.id = taken.task_id LEFT JOIN agent a ON a.id = t.agent_id
     LEFT JOIN incident_remedy script ON script.task_id = taken.task_id
     LEFT JOIN incident_remedy verified ON verified.verify_task_id = taken.task_id
     ORDER BY t.completed_at`,
    [windowSeconds],
  );
  return rows;
}

/** What became of a remedy's own script is told by the remedy; a failed task that failed again is a failure again. */
function isFailure(task: Noticed): task is Omit<Failure, 'print'> {
  if (task.status !== 'FAILED' && task.status !== 'TIMEOUT') return false;
  return task.agent_id !== null && task.script_of === null && (task.verifies === null || task.retried);
}

async function tellRemedied(client: PoolClient, noticed: readonly Noticed[]): Promise<void> {
  const ids = new Set(noticed.flatMap(({ script_of, verifies }) => script_of ?? verifies ?? []));
  if (ids.size === 0) return;
  await client.query(
    `UPDATE incident SET version = version + 1, tell_at = ${soon(REMEDY_SECONDS)}
     WHERE id = ANY($1::uuid[]) AND status <> 'CLOSED'`,
    [[...ids]],
  );
}

async function join(client: PoolClient, failures: readonly Failure[]): Promise<void> {
  const incidents = await findOrOpen(client, failures);
  const idOf = ({ print }: Failure): string => incidents.get(print.hash)?.id ?? '';
  const { rows: joined } = await client.query<{ incident_id: string; occurrences: number; devices: number }>(
    `WITH failed AS (
       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[])
         AS f(incident_id, task_id, agent_id, task_status, failed_at)
     ), known AS MATERIALIZED (
       SELECT DISTINCT f.incident_id, f.agent_id FROM failed f
       WHERE EXISTS (SELECT 1 FROM incident_occurrence o WHERE o.incident_id = f.incident_id AND o.agent_id = f.agent_id)
     ), added AS (
       INSERT INTO incident_occurrence (id, incident_id, task_id, agent_id, task_status, failed_at)
       SELECT uuid7(), incident_id, task_id, agent_id, task_status, failed_at FROM failed
       ON CONFLICT (task_id) DO NOTHING RETURNING *
     )
     UPDATE incident i SET version = i.version + 1, occurrence_count = i.occurrence_count + n.occurrences,
       device_count = i.device_count + n.devices, last_seen_at = GREATEST(i.last_seen_at, n.last_at),
       tell_at = CASE WHEN i.status = 'CLOSED' THEN i.tell_at
         WHEN i.status IN ('CANARY', 'ROLLOUT') THEN ${soon(REMEDY_SECONDS)} ELSE ${soon(JOIN_SECONDS)} END
     FROM (SELECT added.incident_id, count(*)::int AS occurrences, max(failed_at) AS last_at,
             count(DISTINCT added.agent_id) FILTER (WHERE k.agent_id IS NULL)::int AS devices
           FROM added LEFT JOIN known k USING (incident_id, agent_id) GROUP BY 1) n
     WHERE i.id = n.incident_id RETURNING i.id AS incident_id, n.occurrences, n.devices`,
    [
      failures.map(idOf),
      failures.map((task) => task.task_id),
      failures.map((task) => task.agent_id),
      failures.map((task) => task.status),
      failures.map((task) => task.completed_at),
    ],
  );
  const grown = new Set(joined.map((row) => row.incident_id));
  for (const incident of incidents.values()) if (grown.has(incident.id)) await reopen(client, incident);
}

/** What a person turned down stays closed within its window; everything else goes on. */
async function reopen(client: PoolClient, { id, status, outcome }: Known): Promise<void> {
  if (status !== 'CLOSED' || outcome === 'REJECTED') return;
  await moveIncident(client, {
    word: 'reopen',
    id,
    actor: ACTOR,
    set: `outcome = NULL, closed_at = NULL, analysis = i.analysis + 1, question = NULL,
      preselected_suggestion = NULL, waiting_since = NULL, reminders = 0`,
    tell: 'now',
  });
}

async function findOrOpen(client: PoolClient, failures: readonly Failure[]): Promise<Map<string, Known>> {
  const firsts = new Map<string, Failure>();
  for (const failure of failures) {
    if (!firsts.has(failure.print.hash)) firsts.set(failure.print.hash, failure);
  }
  const windowStart = failures[0]?.window_start;
  const { rows } = await client.query<Known>(
    `SELECT id, fingerprint, status, outcome FROM incident
     WHERE fingerprint = ANY($1::text[]) AND (status <> 'CLOSED' OR window_start = $2)
     ORDER BY status = 'CLOSED' DESC, id FOR UPDATE`,
    [[...firsts.keys()], windowStart],
  );
  // Those that are open come last and win.
  const found = new Map(rows.map((row) => [row.fingerprint, row]));
  const missing = [...firsts.values()].filter(({ print }) => !found.has(print.hash));
  for (const opened of await open(client, missing)) found.set(opened.fingerprint, opened);
  return found;
}

async function open(client: PoolClient, firsts: readonly Failure[]): Promise<Known[]> {
  if (firsts.length === 0) return [];
  const { rows } = await client.query<Known & { platform: string; correlation_id: string }>(
    `INSERT INTO incident (id, fingerprint, window_start, status, platform, task_type, package_name, exit_code, error,
       first_seen_at, last_seen_at, correlation_id, tell_at)
     SELECT uuid7(), f.fingerprint, $1, 'OPENED', f.platform, f.task_type, f.package_name, f.exit_code, f.error,
       f.failed_at, f.failed_at, f.correlation_id, now()
     FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::timestamptz[], $9::text[])
       AS f(fingerprint, platform, task_type, package_name, exit_code, error, failed_at, correlation_id)
     RETURNING id, fingerprint, status, outcome, platform, correlation_id`,
    [
      firsts[0]?.window_start,
      firsts.map(({ print }) => print.hash),
      firsts.map((task) => task.platform),
      firsts.map((task) => task.task_type),
      firsts.map((task) => task.package_name),
      firsts.map(({ print }) => print.exitCode),
      firsts.map(({ print }) => print.error),
      firsts.map((task) => task.completed_at),
      firsts.map((task) => task.correlation_id),
    ],
  );
  await appendAudit(
    client,
    rows.map((row) => ({
      actor: ACTOR,
      action: 'incident.open',
      kind: 'change',
      object_type: 'incident',
      object_id: row.id,
      after: { status: row.status, platform: row.platform },
      correlation_id: row.correlation_id,
    })),
  );
  return rows;
}

function soon(seconds: number): string {
  return `LEAST(COALESCE(tell_at, 'infinity'), now() + interval '${seconds} seconds')`;
}
