/**
 * A key for the ledger of counts, whose rows may be alike otherwise: logical replication needs one to pass deletions on. The
 * table has some hundred rows, and its writers name no column of it: both versions go on beside it. In a transaction that holds
 * nothing else, for nobody may be waited for in a circle.
 */
export const up = `
ALTER TABLE agent_count ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
`;
