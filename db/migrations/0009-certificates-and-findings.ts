/**
 * What operators want to see of a certificate; of those issued earlier only what was noted then is known. And findings
 * one by one, the worst first: those of earlier pipelines are in their scan reports only.
 */
export const up = `
ALTER TABLE agent_certificate ADD COLUMN subject text, ADD COLUMN not_before timestamptz;
CREATE INDEX agent_certificate_newest ON agent_certificate (agent_id, issued_at, serial);
DROP INDEX agent_certificate_agent;

CREATE TABLE pipeline_finding (
  pipeline_id uuid NOT NULL REFERENCES packaging_pipeline ON DELETE CASCADE,
  position integer NOT NULL,
  severity text NOT NULL CHECK (severity IN ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'UNKNOWN')),
  finding_id text NOT NULL,
  aliases text[] NOT NULL,
  package text NOT NULL,
  version text NOT NULL,
  fixed_version text,
  source text NOT NULL,
  path text,
  title text,
  published_at timestamptz,
  PRIMARY KEY (pipeline_id, position)
);
`;
