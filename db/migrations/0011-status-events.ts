/** Which agents went offline last, among any number of other changes of status. */
export const up = `
CREATE INDEX audit_event_agent_status ON audit_event ((after ->> 'status'), id) WHERE action = 'agent.status';
`;
