/** How many agents there were of each kind, every few minutes. */
export const up = `
CREATE TABLE fleet_sample (
  at timestamptz PRIMARY KEY,
  by_status jsonb NOT NULL,
  by_platform jsonb NOT NULL,
  by_agent_version jsonb NOT NULL
);
`;
