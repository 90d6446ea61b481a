/** Tasks by status and type together: tasks go on being read meanwhile. */
export const up = `
CREATE INDEX agent_task_status_type ON agent_task (status, task_type, id);
`;
