/** Exceptions are approved by a second person, whatever the code above says, and what was approved stays what it was. */
export const up = `
CREATE FUNCTION guard_policy_exception() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Names of operators are one, however they are written. What was approved before there was the rule can still be revoked.
  IF lower(btrim(NEW.approver)) = lower(btrim(NEW.requested_by))
     AND (TG_OP = 'INSERT' OR NEW.approver IS DISTINCT FROM OLD.approver) THEN
    RAISE EXCEPTION 'an exception is approved by somebody else than who asked for it'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_exception_four_eyes';
  END IF;
  IF TG_OP = 'UPDATE' AND ((NEW.package_name, NEW.package_version, NEW.cve_ids, NEW.reason, NEW.requested_by, NEW.expires_at)
     IS DISTINCT FROM (OLD.package_name, OLD.package_version, OLD.cve_ids, OLD.reason, OLD.requested_by, OLD.expires_at)
     OR (OLD.approved_at IS NOT NULL AND (NEW.approver, NEW.approved_at) IS DISTINCT FROM (OLD.approver, OLD.approved_at))
     OR (OLD.revoked_at IS NOT NULL AND (NEW.revoked_by, NEW.revoked_at) IS DISTINCT FROM (OLD.revoked_by, OLD.revoked_at))) THEN
    RAISE EXCEPTION 'what an exception excuses, and by whose word, cannot be changed'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_exception_fixed';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER policy_exception_guard BEFORE INSERT OR UPDATE ON policy_exception
  FOR EACH ROW EXECUTE FUNCTION guard_policy_exception();
`;
