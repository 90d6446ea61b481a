/** A remedy that a person stopped leaves devices that had begun it and that nobody judged. */
export const up = `
ALTER TABLE incident_remedy DROP CONSTRAINT incident_remedy_state_check;
ALTER TABLE incident_remedy ADD CONSTRAINT incident_remedy_state_check
  CHECK (state IN ('WAITING', 'REMEDYING', 'VERIFYING', 'OBSERVING', 'HEALTHY', 'FAILED', 'SKIPPED', 'STOPPED'));
`;
