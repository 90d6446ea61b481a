/** Counts of agents that need no look at the agents, and what rare rows of long lists are found by. */
export const up = `
-- How many agents (not revoked) there are of each kind, as a ledger: whoever changes agents adds rows with the
-- difference, the sum is the count. Nobody waits for anybody, as everybody would for a row that holds the count.
CREATE TABLE agent_count (
  status text NOT NULL,
  platform text NOT NULL,
  agent_version text NOT NULL,
  agents bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Sums up what the ledger holds so far, but for rows that somebody else is summing up.
CREATE FUNCTION fold_agent_counts() RETURNS void LANGUAGE sql AS $$
  WITH taken AS (
    DELETE FROM agent_count WHERE ctid = ANY (ARRAY(SELECT ctid FROM agent_count FOR UPDATE SKIP LOCKED))
    RETURNING *
  )
  INSERT INTO agent_count
  SELECT status, platform, agent_version, sum(agents) FROM taken GROUP BY 1, 2, 3 HAVING sum(agents) <> 0
$$;

-- For after the triggers were off, as while a backup is restored piece by piece.
CREATE FUNCTION recount_agents() RETURNS void LANGUAGE sql AS $$
  LOCK TABLE agent IN SHARE MODE;
  DELETE FROM agent_count;
  INSERT INTO agent_count
  SELECT status, platform, agent_version, count(*) FROM agent WHERE revoked_at IS NULL GROUP BY 1, 2, 3
$$;

CREATE FUNCTION count_agents() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  added bigint;
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO agent_count
    SELECT status, platform, agent_version, count(*) FROM after_rows WHERE revoked_at IS NULL GROUP BY 1, 2, 3;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO agent_count
    SELECT status, platform, agent_version, -count(*) FROM before_rows WHERE revoked_at IS NULL GROUP BY 1, 2, 3;
  ELSE
    INSERT INTO agent_count
    SELECT status, platform, agent_version, sum(change) FROM (
      SELECT status, platform, agent_version, -1 AS change FROM before_rows WHERE revoked_at IS NULL
      UNION ALL
      SELECT status, platform, agent_version, 1 FROM after_rows WHERE revoked_at IS NULL) AS changes
    GROUP BY 1, 2, 3 HAVING sum(change) <> 0;
  END IF;
  GET DIAGNOSTICS added = ROW_COUNT;
  -- One row in 256 pays for them all: the ledger stays a few hundred rows long, whoever writes it.
  IF random() * 256 < added THEN
    PERFORM fold_agent_counts();
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER agent_counted_in AFTER INSERT ON agent REFERENCING NEW TABLE AS after_rows
  FOR EACH STATEMENT EXECUTE FUNCTION count_agents();
CREATE TRIGGER agent_counted_out AFTER DELETE ON agent REFERENCING OLD TABLE AS before_rows
  FOR EACH STATEMENT EXECUTE FUNCTION count_agents();
CREATE TRIGGER agent_counted_anew AFTER UPDATE ON agent
  REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows
  FOR EACH STATEMENT EXECUTE FUNCTION count_agents();
SELECT recount_agents();

-- What waits or is open is rare among all that ever was.
CREATE INDEX alert_newest_open ON alert (id) WHERE resolved_at IS NULL;
CREATE INDEX offline_queue_item_newest_waiting ON offline_queue_item (id) WHERE delivered_at IS NULL;
`;
