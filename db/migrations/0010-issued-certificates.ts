/** Which authority signed a certificate, so that the ones in use can be known again by their fingerprints. */
export const up = `
ALTER TABLE agent_certificate ADD COLUMN authority_sha256 text,
  ADD CONSTRAINT agent_certificate_span CHECK (authority_sha256 IS NULL OR not_before IS NOT NULL);
CREATE INDEX agent_certificate_issued ON agent_certificate (fingerprint_sha256);
`;
