/** Agents, tasks, telemetry, audit, access: all that the foundation keeps. */
export const up = `
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- UUID version 7 (RFC 9562): ids sort by the database's clock.
CREATE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
      52, 1), 53, 1),
    'hex')::uuid
$$;

CREATE TABLE enrolment_token (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  token_hash bytea NOT NULL UNIQUE,
  expires_at timestamptz NOT NULL,
  max_uses integer,
  use_count integer NOT NULL DEFAULT 0,
  tags jsonb NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);

CREATE TABLE operator_token (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  token_hash bytea NOT NULL UNIQUE,
  scopes text[] NOT NULL,
  expires_at timestamptz,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);

CREATE TABLE agent (
  id uuid PRIMARY KEY,
  registration_key text NOT NULL UNIQUE,
  hardware_id text NOT NULL,
  enrolment_token_id uuid REFERENCES enrolment_token,
  hostname text NOT NULL,
  platform text NOT NULL CHECK (platform IN ('windows', 'macos', 'linux')),
  platform_version text NOT NULL,
  agent_version text NOT NULL,
  status text NOT NULL CHECK (status IN ('ONLINE', 'OFFLINE', 'DEGRADED', 'UNKNOWN')),
  presence_shard smallint NOT NULL,
  first_seen_at timestamptz NOT NULL,
  offline_since timestamptz,
  cpu_cores integer,
  memory_mb integer,
  disk_gb integer,
  ip_address text,
  mac_address text,
  tags jsonb NOT NULL,
  metadata jsonb NOT NULL,
  cloned_from uuid REFERENCES agent ON DELETE SET NULL,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE INDEX agent_enrolment_token ON agent (enrolment_token_id);
CREATE INDEX agent_cloned_from ON agent (cloned_from) WHERE cloned_from IS NOT NULL;
CREATE INDEX agent_status ON agent (status, id);
CREATE INDEX agent_platform ON agent (platform, id);
CREATE INDEX agent_version ON agent (agent_version, id);
CREATE INDEX agent_tags ON agent USING gin (tags);
CREATE INDEX agent_hostname ON agent USING gin (lower(hostname) gin_trgm_ops);

-- Written by every heartbeat: narrow, half full and without an index on what changes, so that updates stay in
-- their page.
CREATE TABLE agent_presence (
  agent_id uuid PRIMARY KEY REFERENCES agent ON DELETE CASCADE,
  last_heartbeat_at timestamptz,
  shard smallint NOT NULL,
  revoked boolean NOT NULL DEFAULT false,
  strained boolean NOT NULL DEFAULT false,
  reports_degraded boolean NOT NULL DEFAULT false,
  status text NOT NULL,
  agent_version text NOT NULL,
  hardware_id text NOT NULL,
  instance_id uuid,
  earlier_instance_ids uuid[] NOT NULL DEFAULT '{}',
  last_error text,
  counters jsonb
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX agent_presence_shard ON agent_presence (shard);

-- Proof that somebody listened: while nobody did, no agent may be held to be silent.
CREATE TABLE intake (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  alive_at timestamptz NOT NULL
);
CREATE TABLE intake_outage (
  began_at timestamptz PRIMARY KEY,
  ended_at timestamptz NOT NULL
);

CREATE TABLE agent_certificate (
  serial text PRIMARY KEY,
  agent_id uuid NOT NULL REFERENCES agent ON DELETE CASCADE,
  fingerprint_sha256 text NOT NULL,
  not_after timestamptz NOT NULL,
  issued_at timestamptz NOT NULL
);
CREATE INDEX agent_certificate_agent ON agent_certificate (agent_id);

CREATE TABLE agent_task (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL REFERENCES agent ON DELETE CASCADE,
  task_type text NOT NULL CHECK (task_type IN ('DEPLOY', 'REMEDIATE', 'COLLECT', 'UPDATE')),
  status text NOT NULL
    CHECK (status IN ('PENDING', 'ASSIGNED', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'TIMEOUT', 'CANCELLED')),
  version integer NOT NULL DEFAULT 1,
  queue_seq bigint GENERATED ALWAYS AS IDENTITY,
  payload jsonb NOT NULL,
  timeout_seconds integer NOT NULL,
  handover_count integer NOT NULL DEFAULT 0,
  retry_count integer NOT NULL DEFAULT 0,
  max_retries integer NOT NULL,
  progress_percent real,
  progress_message text,
  assigned_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  result jsonb,
  error_message text,
  correlation_id text NOT NULL,
  created_by text NOT NULL,
  idempotency_key text,
  retry_of uuid REFERENCES agent_task ON DELETE SET NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX agent_task_open ON agent_task (agent_id, status, queue_seq)
  WHERE status IN ('PENDING', 'ASSIGNED', 'IN_PROGRESS');
CREATE INDEX agent_task_agent ON agent_task (agent_id, id);
CREATE INDEX agent_task_status ON agent_task (status, id);
CREATE INDEX agent_task_type ON agent_task (task_type, id);
CREATE INDEX agent_task_correlation ON agent_task (correlation_id, id);
CREATE INDEX agent_task_retry_of ON agent_task (retry_of) WHERE retry_of IS NOT NULL;
CREATE UNIQUE INDEX agent_task_idempotency ON agent_task (created_by, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

-- Tasks whose workflow has not yet been told of their present version. No foreign key: a deleted task's
-- workflow must hear of it, too.
CREATE TABLE agent_task_outbox (
  task_id uuid PRIMARY KEY,
  version integer NOT NULL,
  available_at timestamptz NOT NULL,
  leased_until timestamptz,
  attempts integer NOT NULL DEFAULT 0
);
CREATE INDEX agent_task_outbox_due ON agent_task_outbox (available_at);

CREATE TABLE offline_queue_item (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL REFERENCES agent ON DELETE CASCADE,
  task_id uuid NOT NULL REFERENCES agent_task ON DELETE CASCADE,
  queued_at timestamptz NOT NULL,
  delivered_at timestamptz,
  retry_count integer NOT NULL,
  max_retries integer NOT NULL
);
CREATE UNIQUE INDEX offline_queue_item_waiting ON offline_queue_item (task_id) WHERE delivered_at IS NULL;
CREATE INDEX offline_queue_item_task ON offline_queue_item (task_id);
CREATE INDEX offline_queue_item_agent ON offline_queue_item (agent_id, id);
CREATE INDEX offline_queue_item_delivered ON offline_queue_item (delivered_at) WHERE delivered_at IS NOT NULL;

CREATE TABLE deployment_status (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL REFERENCES agent ON DELETE CASCADE,
  task_id uuid REFERENCES agent_task ON DELETE SET NULL,
  deployment_intent text,
  package_name text NOT NULL,
  package_version text NOT NULL,
  status text NOT NULL,
  progress real,
  error text,
  reported_at timestamptz NOT NULL
);
CREATE INDEX deployment_status_agent ON deployment_status (agent_id, id);
CREATE INDEX deployment_status_task ON deployment_status (task_id, id);
CREATE INDEX deployment_status_package ON deployment_status (package_name, id);

CREATE TABLE alert (
  id uuid PRIMARY KEY,
  kind text NOT NULL,
  agent_id uuid NOT NULL REFERENCES agent ON DELETE CASCADE,
  opened_at timestamptz NOT NULL,
  resolved_at timestamptz,
  delivery text NOT NULL,
  delivery_batch uuid NOT NULL,
  delivery_attempts integer NOT NULL DEFAULT 0,
  delivery_error text,
  delivered_at timestamptz
);
CREATE UNIQUE INDEX alert_open ON alert (agent_id, kind) WHERE resolved_at IS NULL;
CREATE INDEX alert_agent ON alert (agent_id, id);
CREATE INDEX alert_batch ON alert (delivery_batch);
CREATE INDEX alert_undelivered ON alert (agent_id) WHERE delivery = 'pending' AND delivery_attempts = 0;

CREATE TABLE artifact (
  sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  size_bytes bigint NOT NULL,
  name text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX artifact_created ON artifact (created_at, sha256);

CREATE TABLE telemetry (
  agent_id uuid NOT NULL,
  collected_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  cpu_percent real,
  memory_percent real,
  memory_used_mb double precision,
  memory_total_mb double precision,
  disk_percent real,
  disk_used_gb double precision,
  disk_total_gb double precision,
  installed_software jsonb,
  services jsonb,
  metrics jsonb,
  PRIMARY KEY (agent_id, collected_at)
) PARTITION BY RANGE (collected_at);
CREATE INDEX telemetry_software ON telemetry (agent_id, collected_at) WHERE installed_software IS NOT NULL;

CREATE TABLE audit_event (
  id uuid NOT NULL,
  at timestamptz NOT NULL,
  actor_type text NOT NULL,
  actor_id text NOT NULL,
  action text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('change', 'refusal', 'security')),
  object_type text NOT NULL,
  object_id text NOT NULL,
  before jsonb,
  after jsonb,
  correlation_id text,
  PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX audit_event_object ON audit_event (object_id, id);
CREATE INDEX audit_event_object_type ON audit_event (object_type, id);
CREATE INDEX audit_event_actor ON audit_event (actor_id, id);
CREATE INDEX audit_event_action ON audit_event (action, id);
CREATE INDEX audit_event_kind ON audit_event (kind, id);
CREATE INDEX audit_event_correlation ON audit_event (correlation_id, id);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_event is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- Whoever waits for a parent table's lock makes all inserts wait behind it: both functions give up soon instead,
-- and are called again.

-- Partitions of one day ('day') or month ('month') that cover a span; returns how many were made.
CREATE FUNCTION ensure_partitions(parent regclass, step text, from_at timestamptz, to_at timestamptz)
RETURNS integer LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
  made integer := 0;
  lower_at timestamp := date_trunc(step, from_at AT TIME ZONE 'UTC');
  upper_at timestamp;
  partition_name text;
BEGIN
  -- One at a time: two callers would both find a partition missing.
  PERFORM pg_advisory_xact_lock(4907155);
  WHILE lower_at <= to_at AT TIME ZONE 'UTC' LOOP
    upper_at := lower_at + ('1 ' || step)::interval;
    partition_name := parent::text || '_' || to_char(lower_at, 'YYYYMMDD');
    IF to_regclass(partition_name) IS NULL THEN
      EXECUTE format('CREATE TABLE %I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)',
        partition_name, parent, lower_at AT TIME ZONE 'UTC', upper_at AT TIME ZONE 'UTC');
      -- Triggers on rows are inherited, those on statements are not.
      IF parent = 'audit_event'::regclass THEN
        EXECUTE format('CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON %I
          FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()', partition_name);
      END IF;
      made := made + 1;
    END IF;
    lower_at := upper_at;
  END LOOP;
  RETURN made;
END
$$;

-- Drops partitions that lie wholly before a moment; returns their names.
CREATE FUNCTION drop_partitions(parent regclass, step text, before_at timestamptz)
RETURNS SETOF text LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
  child text;
BEGIN
  -- As text: a regclass loses its name with its table.
  FOR child IN SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = parent LOOP
    IF to_timestamp(right(child, 8), 'YYYYMMDD')::timestamp + ('1 ' || step)::interval
        <= before_at AT TIME ZONE 'UTC' THEN
      EXECUTE format('DROP TABLE %s', child);
      RETURN NEXT child;
    END IF;
  END LOOP;
END
$$;
`;
