/** One deployment of a package at a time on a device; late joiners that fail close the door behind them. */
export const up = `
ALTER TABLE deployment_device ADD COLUMN package_name text;
UPDATE deployment_device d SET package_name = i.package_name FROM deployment_intent i WHERE i.id = d.deployment_id;
ALTER TABLE deployment_device ALTER COLUMN package_name SET NOT NULL;

-- Of rows from before, the newest deployment keeps its task; the others' devices are as if they had not been reached.
-- Their tasks that no agent has begun are cancelled, and their workflows told.
WITH left_behind AS (
  UPDATE deployment_device d SET state = 'FAILED', failure_kind = 'cancelled', settled_at = now(),
    reason = 'A later deployment of the package was at work on the device'
  WHERE d.state IN ('DISPATCHED', 'ROLLING_BACK') AND EXISTS (
    SELECT FROM deployment_device o WHERE o.agent_id = d.agent_id AND o.package_name = d.package_name
      AND o.state IN ('DISPATCHED', 'ROLLING_BACK') AND o.deployment_id > d.deployment_id)
  RETURNING d.task_id, d.rollback_task_id
), picked AS (
  SELECT t.id, t.status AS before_status FROM agent_task t
  WHERE t.status IN ('PENDING', 'ASSIGNED')
    AND t.id IN (SELECT task_id FROM left_behind UNION SELECT rollback_task_id FROM left_behind)
), cancelled AS (
  UPDATE agent_task t SET status = 'CANCELLED', version = t.version + 1, completed_at = now()
  FROM picked WHERE t.id = picked.id RETURNING t.id, t.version, t.correlation_id, picked.before_status
), audited AS (
  INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after, correlation_id)
  SELECT uuid7(), now(), 'system', 'migration', 'agent_task.cancel', 'change', 'agent_task', id::text,
    jsonb_build_object('status', before_status), jsonb_build_object('status', 'CANCELLED'), correlation_id FROM cancelled
), dropped AS (
  DELETE FROM offline_queue_item i USING cancelled WHERE i.task_id = cancelled.id AND i.delivered_at IS NULL
)
INSERT INTO agent_task_outbox (task_id, version, available_at) SELECT id, version, now() FROM cancelled
ON CONFLICT (task_id) DO UPDATE SET version = excluded.version,
  available_at = LEAST(agent_task_outbox.available_at, excluded.available_at);

-- Whatever the code above the database does: two tasks at once would leave the version to chance.
CREATE UNIQUE INDEX deployment_device_at_work ON deployment_device (agent_id, package_name)
  WHERE state IN ('DISPATCHED', 'ROLLING_BACK');

ALTER TABLE deployment_intent ADD COLUMN joiners_stopped_at timestamptz;
`;
