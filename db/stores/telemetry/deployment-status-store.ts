import type { WhereOptions } from 'sequelize';
import type { Page } from '../../../contracts/http/common.ts';
import type {
  DeploymentReport,
  DeploymentStatus,
  DeploymentStatusQuery,
} from '../../../contracts/telemetry/telemetry.ts';
import type { Database } from '../../database.ts';
import type { DeploymentStatusRow } from '../../models/rows.ts';
import { iso, newestFirst } from '../keyset.ts';

/** What agents report while they deploy packages. */
export class DeploymentStatusStore {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  /** @returns undefined when the report names a task that is not the agent's */
  async add(agentId: string, report: DeploymentReport): Promise<DeploymentStatus | undefined> {
    const { rows } = await this.#database.pool.query<DeploymentStatusRow>(
      `INSERT INTO deployment_status (id, agent_id, task_id, deployment_intent, package_name, package_version, status, progress, error, reported_at)
       SELECT uuid7(), $1, $2, $3, $4, $5, $6, $7, $8, now()
       WHERE $2::uuid IS NULL OR EXISTS (SELECT 1 FROM agent_task WHERE id = $2 AND agent_id = $1)
       RETURNING *`,
      [
        agentId,
        report.task_id ?? null,
        report.deployment_intent ?? null,
        report.package_name,
        report.package_version,
        report.status,
        report.progress ?? null,
        report.error ?? null,
      ],
    );
    return rows[0] === undefined ? undefined : toDeploymentStatus(rows[0]);
  }

  list(query: DeploymentStatusQuery): Promise<Page<DeploymentStatus>> {
    const filters: WhereOptions[] = [];
    for (const column of ['agent_id', 'task_id', 'package_name'] as const) {
      if (query[column] !== undefined) filters.push({ [column]: query[column] });
    }
    return newestFirst(
      this.#database.models.deploymentStatus,
      'deployment-statuses',
      filters,
      query,
      toDeploymentStatus,
    );
  }
}

const toDeploymentStatus = (row: DeploymentStatusRow): DeploymentStatus => ({
  ...row,
  reported_at: iso(row.reported_at),
});
