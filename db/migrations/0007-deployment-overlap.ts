/** One deployment of a package at a time on a device; late joiners that fail close the door behind them. */
export const up = `
ALTER TABLE deployment_device ADD COLUMN package_name text;
UPDATE deployment_device d SET package_name = i.package_name FROM deployment_intent i WHERE i.id = d.deployment_id;
ALTER TABLE deployment_device ALTER COLUMN package_name SET NOT NULL;

-- Of rows from before, the newest deployment keeps its task; the others' devices are as if they had not been reached.
UPDATE deployment_device d SET state = 'FAILED', failure_kind = 'cancelled', settled_at = now(),
  reason = 'A later deployment of the package was at work on the device'
WHERE d.state IN ('DISPATCHED', 'ROLLING_BACK') AND EXISTS (
  SELECT FROM deployment_device o WHERE o.agent_id = d.agent_id AND o.package_name = d.package_name
    AND o.state IN ('DISPATCHED', 'ROLLING_BACK') AND o.deployment_id > d.deployment_id);

-- Whatever the code above the database does: two tasks at once would leave the version to chance.
CREATE UNIQUE INDEX deployment_device_at_work ON deployment_device (agent_id, package_name)
  WHERE state IN ('DISPATCHED', 'ROLLING_BACK');

ALTER TABLE deployment_intent ADD COLUMN joiners_stopped_at timestamptz;
`;
