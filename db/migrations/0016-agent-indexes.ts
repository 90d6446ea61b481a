/**
 * Agents are found by their terms: every change of an agent's status wrote into these. In a transaction that holds nothing
 * else, for nobody may be waited for in a circle.
 */
export const up = `
DROP INDEX agent_hostname, agent_tags;
`;
