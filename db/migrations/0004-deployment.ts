/** Deployments with rings, devices and decisions; what was applied from fleet files; public keys of signers. */
export const up = `
-- Public halves of the keys that packages are signed by: agents are told whom to trust.
CREATE TABLE signing_key (
  thumbprint text PRIMARY KEY CHECK (thumbprint ~ '^[0-9a-f]{40,64}$'),
  material text NOT NULL,
  subject text NOT NULL,
  expires_at timestamptz,
  noted_at timestamptz NOT NULL
);

CREATE TABLE rollout_plan (
  name text PRIMARY KEY,
  plan jsonb NOT NULL,
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE TABLE packaging_policy (
  name text PRIMARY KEY,
  policy jsonb NOT NULL,
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL
);
-- Packages as fleet files declare them, and the pipeline that the declaration led to.
CREATE TABLE declared_package (
  name text NOT NULL,
  format text NOT NULL,
  declaration jsonb NOT NULL,
  pipeline_id uuid NOT NULL REFERENCES packaging_pipeline ON DELETE RESTRICT,
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (name, format)
);
CREATE INDEX declared_package_pipeline ON declared_package (pipeline_id);

CREATE TABLE deployment_intent (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  status text NOT NULL CHECK (status IN ('AWAITING_APPROVAL', 'ROLLING_OUT', 'PAUSED', 'COMPLETED', 'FAILED',
    'ROLLING_BACK', 'ROLLED_BACK', 'ABORTED', 'REJECTED', 'EXPIRED', 'SUPERSEDED')),
  reason text NOT NULL,
  -- What people say does not go into workflows.
  reason_by_operator boolean NOT NULL DEFAULT false,
  version integer NOT NULL DEFAULT 1,
  pipeline_id uuid NOT NULL REFERENCES packaging_pipeline ON DELETE RESTRICT,
  package_name text NOT NULL,
  package_version text NOT NULL,
  platform text NOT NULL CHECK (platform IN ('windows', 'macos', 'linux')),
  evidence_id uuid NOT NULL REFERENCES evidence_pack ON DELETE RESTRICT,
  previous_pipeline_id uuid REFERENCES packaging_pipeline ON DELETE RESTRICT,
  selection jsonb NOT NULL,
  plan jsonb NOT NULL,
  package_rules jsonb NOT NULL,
  risk jsonb NOT NULL,
  risk_score integer NOT NULL CHECK (risk_score BETWEEN 0 AND 100),
  risk_threshold integer NOT NULL,
  approval_required boolean NOT NULL,
  approval_ends_at timestamptz,
  reminded_at timestamptz,
  conditions jsonb,
  base_at timestamptz,
  started_at timestamptz,
  health_looked_at timestamptz,
  rollback_began_at timestamptz,
  ended_at timestamptz,
  correlation_id text NOT NULL,
  created_by text NOT NULL,
  idempotency_key text,
  created_at timestamptz NOT NULL,
  CHECK (approval_required = (risk_score >= risk_threshold)),
  CHECK (approval_required = (approval_ends_at IS NOT NULL))
);
CREATE INDEX deployment_intent_status ON deployment_intent (status, id);
CREATE INDEX deployment_intent_package ON deployment_intent (package_name, id);
CREATE INDEX deployment_intent_pipeline ON deployment_intent (pipeline_id, id);
CREATE INDEX deployment_intent_previous ON deployment_intent (previous_pipeline_id) WHERE previous_pipeline_id IS NOT NULL;
CREATE INDEX deployment_intent_evidence ON deployment_intent (evidence_id);
CREATE INDEX deployment_intent_correlation ON deployment_intent (correlation_id, id);
CREATE UNIQUE INDEX deployment_intent_idempotency ON deployment_intent (created_by, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

CREATE TABLE cab_decision (
  id uuid PRIMARY KEY,
  deployment_id uuid NOT NULL UNIQUE REFERENCES deployment_intent ON DELETE RESTRICT,
  decision text NOT NULL CHECK (decision IN ('approve', 'reject')),
  approver text NOT NULL,
  comment text NOT NULL,
  conditions jsonb,
  risk_score integer NOT NULL,
  decided_at timestamptz NOT NULL
);

-- Four eyes, whatever the code above the database does.
CREATE FUNCTION refuse_own_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM deployment_intent i
             WHERE i.id = NEW.deployment_id AND lower(btrim(i.created_by)) = lower(btrim(NEW.approver))) THEN
    RAISE EXCEPTION 'who created a deployment cannot decide on it'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'cab_decision_four_eyes';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER cab_decision_four_eyes BEFORE INSERT ON cab_decision
  FOR EACH ROW EXECUTE FUNCTION refuse_own_decision();

CREATE FUNCTION refuse_decision_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'decisions are not changed' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER cab_decision_append_only BEFORE UPDATE OR DELETE ON cab_decision
  FOR EACH ROW EXECUTE FUNCTION refuse_decision_change();
CREATE TRIGGER cab_decision_no_truncate BEFORE TRUNCATE ON cab_decision
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_decision_change();

-- What was decided on stays what it was, and nothing that needs an approval begins without one.
CREATE FUNCTION guard_deployment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.approval_required AND NEW.status <> 'AWAITING_APPROVAL' THEN
      RAISE EXCEPTION 'the deployment needs an approval first'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'deployment_intent_approved';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.created_by, NEW.pipeline_id, NEW.selection, NEW.plan, NEW.package_rules, NEW.risk_score, NEW.risk_threshold, NEW.approval_required)
     IS DISTINCT FROM (OLD.created_by, OLD.pipeline_id, OLD.selection, OLD.plan, OLD.package_rules, OLD.risk_score, OLD.risk_threshold, OLD.approval_required) THEN
    RAISE EXCEPTION 'what a deployment is cannot be changed'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'deployment_intent_fixed';
  END IF;
  IF NEW.approval_required AND NEW.status IN ('ROLLING_OUT', 'PAUSED', 'COMPLETED', 'FAILED', 'ROLLING_BACK')
     AND NOT EXISTS (SELECT FROM cab_decision d WHERE d.deployment_id = NEW.id AND d.decision = 'approve')
     AND NOT (NEW.status = 'ROLLING_BACK' AND OLD.status = 'ABORTED') THEN
    RAISE EXCEPTION 'the deployment needs an approval first'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'deployment_intent_approved';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER deployment_intent_guard BEFORE INSERT OR UPDATE ON deployment_intent
  FOR EACH ROW EXECUTE FUNCTION guard_deployment();

CREATE TABLE deployment_ring (
  deployment_id uuid NOT NULL REFERENCES deployment_intent ON DELETE CASCADE,
  position smallint NOT NULL,
  state text NOT NULL CHECK (state IN ('WAITING', 'ROLLING', 'SOAKING', 'PASSED', 'STOPPED')),
  reason text NOT NULL DEFAULT '',
  opened_at timestamptz,
  soak_started_at timestamptz,
  -- The ring did not pass by itself; a rollout that goes on all the same was let go on by a person.
  held_at timestamptz,
  ended_at timestamptz,
  PRIMARY KEY (deployment_id, position)
);

-- Updated about three times a device; what changes most (state) is in one index only.
CREATE TABLE deployment_device (
  deployment_id uuid NOT NULL REFERENCES deployment_intent ON DELETE CASCADE,
  agent_id uuid NOT NULL REFERENCES agent ON DELETE CASCADE,
  ring smallint NOT NULL,
  state text NOT NULL CHECK (state IN ('WAITING', 'DISPATCHED', 'INSTALLED', 'SICK', 'FAILED', 'SKIPPED',
    'ROLLING_BACK', 'ROLLED_BACK', 'ROLLBACK_FAILED')),
  sort bigint NOT NULL,
  attempts smallint NOT NULL DEFAULT 0,
  failure_kind text,
  reason text,
  task_id uuid REFERENCES agent_task ON DELETE SET NULL,
  rollback_task_id uuid REFERENCES agent_task ON DELETE SET NULL,
  status_before text,
  cpu_before real,
  memory_before real,
  joined_at timestamptz NOT NULL,
  dispatched_at timestamptz,
  settled_at timestamptz,
  PRIMARY KEY (deployment_id, agent_id)
) WITH (fillfactor = 80);
CREATE INDEX deployment_device_state ON deployment_device (deployment_id, state, ring, sort);
CREATE INDEX deployment_device_dispatched ON deployment_device (deployment_id, dispatched_at)
  WHERE dispatched_at IS NOT NULL;
CREATE INDEX deployment_device_agent ON deployment_device (agent_id);
CREATE INDEX deployment_device_task ON deployment_device (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX deployment_device_rollback ON deployment_device (rollback_task_id) WHERE rollback_task_id IS NOT NULL;
`;
