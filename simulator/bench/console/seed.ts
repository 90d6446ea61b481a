import pg from 'pg';
import { createDeploymentSchema } from '../../../contracts/deployment/deployment.ts';
import type { Stores } from '../../../db/stores/index.ts';
import { seedFleet } from '../lists/seed.ts';

const PIPELINES = 500;
const FINDINGS = 60;
const DEPLOYMENTS = 300;
const SMALL_ROLLOUT = 200;
const INCIDENTS = 1_000;
const OCCURRENCES = 5_000;
/** Of the agent that is looked at: every five minutes. */
const TELEMETRY_DAYS = 20;

export interface Seeded {
  /** With weeks of telemetry. */
  readonly agent: string;
  readonly task: string;
  readonly pipeline: string;
  /** Over every machine of its platform. */
  readonly deployment: string;
  readonly incident: string;
}

/** Who signed all packages. */
const SIGNER = '5'.repeat(64);

const statements: Readonly<Record<string, string>> = {
  'counts over a day': `
    INSERT INTO fleet_sample (at, by_status, by_platform, by_agent_version)
    SELECT date_bin('5 minutes', now() - n * interval '5 minutes', 'epoch'), s, p, v
    FROM generate_series(0, 2016) n, (SELECT
      (SELECT jsonb_object_agg(status, c) FROM (SELECT status, count(*) c FROM agent GROUP BY 1) x) s,
      (SELECT jsonb_object_agg(platform, c) FROM (SELECT platform, count(*) c FROM agent GROUP BY 1) x) p,
      (SELECT jsonb_object_agg(agent_version, c) FROM (SELECT agent_version, count(*) c FROM agent GROUP BY 1) x) v) counted`,
  losses: `
    INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after)
    SELECT uuid7(), now(), 'system', 'presence', 'agent.status', 'change', 'agent', id::text,
      '{"status": "ONLINE"}', '{"status": "OFFLINE"}' FROM agent WHERE status = 'OFFLINE' LIMIT 2000`,
  certificates: `
    INSERT INTO agent_certificate (serial, agent_id, fingerprint_sha256, subject, not_before, not_after, issued_at)
    SELECT md5(id::text), id, md5(id::text) || md5(id::text), 'CN=' || hostname, created_at, now() + interval '60 days', created_at
    FROM agent`,
  'telemetry of one agent': `
    INSERT INTO telemetry (agent_id, collected_at, received_at, cpu_percent, memory_percent, disk_percent, installed_software)
    SELECT $1::uuid, now() - n * interval '5 minutes' - interval '1 second', now(), 20 + n % 60, 40 + n % 7, 50,
      CASE WHEN n % 288 = 0 THEN (SELECT jsonb_agg(jsonb_build_object('name', 'package-' || i, 'version', '1.' || i))
        FROM generate_series(1, 300) i) END
    FROM generate_series(1, ${TELEMETRY_DAYS * 288}) n`,
  'tasks of one agent': `
    UPDATE agent_task SET agent_id = $1::uuid WHERE id IN (SELECT id FROM agent_task ORDER BY id DESC LIMIT 200)`,
  'audit of one agent': `
    INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after)
    SELECT uuid7(), now(), 'agent', $1::text, 'agent.status', 'change', 'agent', $1::text,
      '{"status": "OFFLINE"}', '{"status": "ONLINE"}' FROM generate_series(1, 300)`,
  pipelines: `
    INSERT INTO packaging_pipeline (id, package_name, package_version, platform, format, status, source_artifact_hash,
      source_name, description, policy, sbom_format, signing_key, scan_summary, scan_pass, output_artifact_hash,
      output_artifact_name, output_artifact_bytes, signing_certificate_thumbprint, policy_decision, correlation_id,
      created_by, created_at, ended_at)
    SELECT uuid7(), 'app-' || n % 50, '1.' || n, 'windows', 'msi', 'PASSED', md5('s' || n) || md5('s' || n), 'source',
      jsonb_build_object('name', 'app-' || n % 50, 'version', '1.' || n), '{}', 'cyclonedx', 'default',
      '{"critical": 0, "high": 0, "medium": ${FINDINGS / 2}, "low": ${FINDINGS / 2}, "unknown": 0}', true,
      md5('o' || n) || md5('o' || n), 'app.msi', 1000000, '${SIGNER}',
      '{"verdict": "PASSED", "policy": "default", "rules": [], "exception_ids": [], "decided_at": "2026-01-01T00:00:00Z"}',
      'pipeline-' || n, 'builder', now(), now()
    FROM generate_series(1, ${PIPELINES}) n`,
  steps: `
    INSERT INTO packaging_step (pipeline_id, step, status, attempts, started_at, ended_at)
    SELECT id, step, 'DONE', 1, created_at, created_at + interval '3 seconds' FROM packaging_pipeline,
      unnest(ARRAY['fetch', 'build', 'sign', 'verify', 'sbom', 'scan', 'policy', 'store', 'evidence']) step`,
  findings: `
    INSERT INTO pipeline_finding (pipeline_id, position, severity, finding_id, aliases, package, version, fixed_version, source, title)
    SELECT id, n, CASE WHEN n < ${FINDINGS / 2} THEN 'MEDIUM' ELSE 'LOW' END, 'CVE-2026-' || n, '{}', 'part-' || n, '1.0', '1.1',
      'trivy', 'A weakness of a part that is installed with the package'
    FROM packaging_pipeline, generate_series(0, ${FINDINGS - 1}) n`,
  evidence: `
    INSERT INTO evidence_pack (id, sha256, pipeline_id, signer_thumbprint, created_at)
    SELECT uuid7(), md5(id::text) || md5(id::text), id, '${SIGNER}', now() FROM packaging_pipeline`,
  incidents: `
    INSERT INTO incident (id, fingerprint, window_start, status, platform, task_type, package_name, error, occurrence_count,
      device_count, first_seen_at, last_seen_at, label, severity, root_cause, remediation, confidence, waiting_since, correlation_id)
    SELECT uuid7(), md5('f' || n), now() - n * interval '1 minute', 'AWAITING_DECISION', 'windows', 'DEPLOY', 'app-' || n % 50,
      'The installer ended with 1603: another installation is in progress', 5, 5, now() - n * interval '1 minute', now(),
      'CONFIGURATION_ERROR', 'medium', 'Another installation held the lock', 'Wait for it', 0.8, now(), 'incident-' || n
    FROM generate_series(1, ${INCIDENTS}) n`,
};

/** A fleet as the benches of lists know it, and what the other pages show. */
export async function seedConsole(
  url: string,
  stores: Stores,
  size: { readonly agents: number; readonly tasks: number },
  progress: (step: string) => void,
): Promise<Seeded> {
  await seedFleet(url, size, progress);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const one = async (sql: string, values: unknown[] = []): Promise<string> => {
    const { rows } = await client.query<{ id: string }>(sql, values);
    const [row] = rows;
    if (row === undefined) throw new Error(`Nothing was found by ${sql}`);
    return row.id;
  };
  try {
    await client.query(
      'SET statement_timeout = 0; SET session_replication_role = replica; SET synchronous_commit = off',
    );
    const agent = await one(`SELECT id FROM agent WHERE status = 'ONLINE' ORDER BY id DESC LIMIT 1`);
    for (const [what, sql] of Object.entries(statements)) {
      progress(`writing ${what}`);
      await client.query(sql, sql.includes('$1') ? [agent] : []);
    }
    const pipeline = await one('SELECT id FROM packaging_pipeline ORDER BY id DESC LIMIT 1');
    progress('writing deployments');
    await stores.signingKeys.note({
      thumbprint: SIGNER,
      subject: 'Bench',
      material: 'bench',
      expires_at: null,
    });
    const deployment = await rollOut(client, stores, pipeline);
    const incident = await one('SELECT id FROM incident ORDER BY id DESC LIMIT 1');
    await client.query(
      `INSERT INTO incident_occurrence (id, incident_id, task_id, agent_id, task_status, failed_at)
       SELECT uuid7(), $1, id, agent_id, 'FAILED', created_at FROM agent_task WHERE status = 'FAILED' LIMIT $2`,
      [incident, OCCURRENCES],
    );
    progress('vacuum and statistics');
    await client.query('VACUUM (ANALYZE)');
    const task = await one('SELECT id FROM agent_task ORDER BY id DESC LIMIT 1');
    return { agent, task, pipeline, deployment, incident };
  } finally {
    await client.end();
  }
}

/** One rollout over all machines of a platform, half done, and small ones before it. @returns the large one's id */
async function rollOut(client: pg.Client, stores: Stores, pipeline: string): Promise<string> {
  const ring = (name: string, size: object) => ({ name, size });
  const request = createDeploymentSchema.parse({
    pipeline_id: pipeline,
    plan: {
      rings: [ring('first', { count: 10 }), ring('tenth', { percent: 10 }), ring('rest', { rest: true })],
    },
  });
  const created = await stores.deployments.create(request, {
    actor: { type: 'operator', id: 'bench' },
    correlationId: 'bench',
  });
  if (created.kind !== 'created') throw new Error(`The deployment was refused: ${created.kind}`);
  const { id } = created.deployment;
  const copied = await client.query<{ columns: string }>(
    `SELECT string_agg(attname, ', ') AS columns FROM pg_attribute
     WHERE attrelid = 'deployment_intent'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'id'`,
  );
  const columns = copied.rows[0]?.columns ?? '';
  await client.query(
    `INSERT INTO deployment_intent (id, ${columns})
     SELECT encode(substring(int8send((extract(epoch FROM now() - n * interval '1 hour') * 1000)::bigint) FROM 3)
       || '\\x70008000000000000000'::bytea, 'hex')::uuid, ${columns}
     FROM deployment_intent, generate_series(1, ${DEPLOYMENTS}) n WHERE id = $1`,
    [id],
  );
  await client.query(
    `INSERT INTO deployment_ring (deployment_id, position, state)
     SELECT d.id, r.position, 'ROLLING' FROM deployment_intent d, deployment_ring r
     WHERE r.deployment_id = $1 AND d.id <> $1`,
    [id],
  );
  const devices = `INSERT INTO deployment_device (deployment_id, agent_id, package_name, ring, state, sort, joined_at)
    SELECT d.id, a.id, d.package_name, CASE WHEN a.n <= 10 THEN 0 WHEN a.n % 10 = 0 THEN 1 ELSE 2 END,
      CASE WHEN a.n % 2 = 0 THEN 'INSTALLED' WHEN a.n % 97 = 0 THEN 'FAILED' ELSE 'WAITING' END, a.n, now()
    FROM deployment_intent d, (SELECT id, row_number() OVER () AS n FROM agent WHERE platform = 'windows') a`;
  await client.query(`${devices} WHERE d.id = $1`, [id]);
  await client.query(`${devices} WHERE d.id <> $1 AND a.n <= ${SMALL_ROLLOUT}`, [id]);
  return id;
}
