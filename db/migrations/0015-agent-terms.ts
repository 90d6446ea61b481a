/** What agents are found by, each with its agents in the order of the lists. Agents are read, and not written, meanwhile. */
export const up = `
-- The strongest lock that is needed, at once: raised later, it could be waited for in a circle.
LOCK TABLE agent IN SHARE ROW EXCLUSIVE MODE;

-- Of a tag, after a character that no hostname holds, its name with its value: as JSON, so that a number is no text, and
-- equal numbers are one.
CREATE FUNCTION agent_tag_term(name text, value jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN chr(1) || name || '=' || CASE jsonb_typeof(value) WHEN 'number' THEN trim_scale(value::numeric)::text ELSE value::text END;

-- Of a hostname, what stands at each of its places, three to five characters.
CREATE FUNCTION agent_terms(hostname text, tags jsonb) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT substr(name, place, 5) FROM lower(hostname) name, generate_series(1, length(name) - 2) place
  UNION SELECT chr(1) || key FROM jsonb_each(tags)
  UNION SELECT agent_tag_term(key, value) FROM jsonb_each(tags)
$$;

-- No foreign key, which would need an index on the agents alone: the triggers know the terms of who goes. Only the index is
-- read, as long as vacuum has seen what was added.
CREATE TABLE agent_term (
  term text COLLATE "C" NOT NULL,
  agent_id uuid NOT NULL
) WITH (autovacuum_vacuum_insert_scale_factor = 0.01);
ALTER TABLE agent_term ALTER COLUMN term SET STATISTICS 1000;

-- For after the triggers were off, as while a backup is restored piece by piece.
CREATE FUNCTION collect_agent_terms() RETURNS void LANGUAGE sql AS $$
  LOCK TABLE agent IN SHARE MODE;
  DELETE FROM agent_term;
  INSERT INTO agent_term SELECT term, id FROM agent, agent_terms(hostname, tags) term ORDER BY term COLLATE "C", id;
$$;
SELECT collect_agent_terms();
ALTER TABLE agent_term ADD PRIMARY KEY (term, agent_id);
ANALYZE agent_term;

CREATE FUNCTION keep_agent_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO agent_term SELECT term, id FROM after_rows, agent_terms(hostname, tags) term ORDER BY term COLLATE "C", id
    ON CONFLICT DO NOTHING;
  ELSIF TG_OP = 'DELETE' THEN
    DELETE FROM agent_term t USING (SELECT term, id FROM before_rows, agent_terms(hostname, tags) term) gone
    WHERE t.term = gone.term AND t.agent_id = gone.id;
  ELSE
    DELETE FROM agent_term t USING (
      SELECT agent_terms(OLD.hostname, OLD.tags) AS term EXCEPT SELECT agent_terms(NEW.hostname, NEW.tags)) gone
    WHERE t.term = gone.term AND t.agent_id = NEW.id;
    INSERT INTO agent_term
    SELECT term, NEW.id FROM (
      SELECT agent_terms(NEW.hostname, NEW.tags) AS term EXCEPT SELECT agent_terms(OLD.hostname, OLD.tags)) come
    ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER agent_terms_in AFTER INSERT ON agent REFERENCING NEW TABLE AS after_rows
  FOR EACH STATEMENT EXECUTE FUNCTION keep_agent_terms();
CREATE TRIGGER agent_terms_out AFTER DELETE ON agent REFERENCING OLD TABLE AS before_rows
  FOR EACH STATEMENT EXECUTE FUNCTION keep_agent_terms();
-- Of all that changes in an agent its status changes most: that comes nowhere near.
CREATE TRIGGER agent_terms_anew AFTER UPDATE OF hostname, tags ON agent
  FOR EACH ROW WHEN (OLD.hostname <> NEW.hostname OR OLD.tags <> NEW.tags) EXECUTE FUNCTION keep_agent_terms();
`;
