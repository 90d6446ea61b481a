/** Incidents: alike failures, what was made of them, who decided, and what became of it on each device. */
export const up = `
-- Tasks that ended in a way that incidents must hear of, written by the statement that ended them. No foreign key and
-- one narrow row: the path of tasks must stay cheap.
CREATE TABLE incident_inbox (
  task_id uuid PRIMARY KEY,
  noticed_at timestamptz NOT NULL
);

CREATE TABLE incident (
  id uuid PRIMARY KEY,
  fingerprint text NOT NULL,
  window_start timestamptz NOT NULL,
  status text NOT NULL CHECK (status IN ('OPENED', 'AWAITING_DECISION', 'CANARY', 'ROLLOUT', 'CLOSED')),
  outcome text CHECK (outcome IN ('RESOLVED', 'REJECTED', 'EXPIRED')),
  version integer NOT NULL DEFAULT 1,
  platform text NOT NULL,
  task_type text NOT NULL,
  package_name text,
  exit_code bigint,
  error text NOT NULL,
  occurrence_count integer NOT NULL DEFAULT 0,
  device_count integer NOT NULL DEFAULT 0,
  first_seen_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  -- Counts analyses: the first one, and those that were asked for or that a reopening made necessary.
  analysis integer NOT NULL DEFAULT 1,
  question text,
  label text,
  severity text,
  root_cause text,
  remediation text,
  confidence real,
  confidence_parts jsonb,
  -- Why a remedy is preselected, or none.
  advice text,
  classification jsonb,
  classified_analysis integer,
  trusted boolean NOT NULL DEFAULT false,
  preselected_suggestion uuid,
  waiting_since timestamptz,
  reminders integer NOT NULL DEFAULT 0,
  approved_suggestion uuid,
  retry_failed_tasks boolean NOT NULL DEFAULT false,
  decided_by text,
  decided_at timestamptz,
  decision_note text,
  closed_at timestamptz,
  correlation_id text NOT NULL,
  -- When the workflow must be told of the present version, and until when a relay that does so has the row to itself.
  tell_at timestamptz,
  leased_until timestamptz,
  tell_attempts integer NOT NULL DEFAULT 0,
  UNIQUE (fingerprint, window_start)
);
CREATE UNIQUE INDEX incident_open ON incident (fingerprint) WHERE status <> 'CLOSED';
CREATE INDEX incident_status ON incident (status, id);
CREATE INDEX incident_label ON incident (label, id);
CREATE INDEX incident_package ON incident (package_name, id);
CREATE INDEX incident_platform ON incident (platform, id);
CREATE INDEX incident_tell ON incident (tell_at) WHERE tell_at IS NOT NULL;
CREATE INDEX incident_leased ON incident (leased_until) WHERE leased_until IS NOT NULL;

-- Devices and tasks may be deleted; that they failed stays known. So neither is referenced.
CREATE TABLE incident_occurrence (
  id uuid PRIMARY KEY,
  incident_id uuid NOT NULL REFERENCES incident ON DELETE CASCADE,
  task_id uuid NOT NULL UNIQUE,
  agent_id uuid NOT NULL,
  task_status text NOT NULL,
  failed_at timestamptz NOT NULL
);
CREATE INDEX incident_occurrence_incident ON incident_occurrence (incident_id, id);
CREATE INDEX incident_occurrence_agent ON incident_occurrence (incident_id, agent_id, id);

CREATE TABLE incident_call (
  id uuid PRIMARY KEY,
  incident_id uuid NOT NULL REFERENCES incident ON DELETE CASCADE,
  analysis integer NOT NULL,
  record jsonb NOT NULL
);
CREATE INDEX incident_call_incident ON incident_call (incident_id, id);

CREATE TABLE incident_suggestion (
  id uuid PRIMARY KEY,
  incident_id uuid NOT NULL REFERENCES incident ON DELETE CASCADE,
  analysis integer NOT NULL,
  provider text,
  model text,
  interpreter text,
  script text,
  verification text,
  explanation text NOT NULL,
  confidence real,
  -- Why a script was not let through: it is then not kept, only what was found in it.
  findings jsonb NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX incident_suggestion_incident ON incident_suggestion (incident_id, id);

CREATE TABLE incident_remedy (
  id uuid PRIMARY KEY,
  incident_id uuid NOT NULL REFERENCES incident ON DELETE CASCADE,
  -- The decision that it belongs to, by its moment.
  approved_at timestamptz NOT NULL,
  agent_id uuid NOT NULL,
  canary boolean NOT NULL,
  state text NOT NULL
    CHECK (state IN ('WAITING', 'REMEDYING', 'VERIFYING', 'OBSERVING', 'HEALTHY', 'FAILED', 'SKIPPED')),
  failed_task_id uuid NOT NULL,
  task_id uuid,
  verify_task_id uuid,
  error text,
  began_at timestamptz,
  observed_from timestamptz,
  ended_at timestamptz,
  -- When to look at it again, and when at last to give it up.
  check_at timestamptz,
  give_up_at timestamptz,
  UNIQUE (incident_id, approved_at, agent_id)
);
CREATE INDEX incident_remedy_incident ON incident_remedy (incident_id, id);
CREATE INDEX incident_remedy_task ON incident_remedy (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX incident_remedy_verify ON incident_remedy (verify_task_id) WHERE verify_task_id IS NOT NULL;
CREATE INDEX incident_remedy_running ON incident_remedy (incident_id, state, check_at)
  WHERE state IN ('WAITING', 'REMEDYING', 'VERIFYING', 'OBSERVING');

-- Answers for failures that were asked about before; keys are hashes, answers redacted.
CREATE TABLE ai_answer (
  key text PRIMARY KEY,
  answer text NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX ai_answer_expiry ON ai_answer (expires_at);

-- Tokens that were spent or are reserved, a provider and day (UTC).
CREATE TABLE ai_token_day (
  provider text NOT NULL,
  day date NOT NULL,
  tokens bigint NOT NULL,
  PRIMARY KEY (provider, day)
);
`;
