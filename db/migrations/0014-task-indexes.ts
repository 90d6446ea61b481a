/**
 * One index in the place of two: either alone is found by merging what the other may be, and a task that changes its status
 * writes one entry less. In a transaction that holds nothing else, for nobody may be waited for in a circle.
 */
export const up = `
DROP INDEX agent_task_status, agent_task_type;
`;
