import { join } from 'node:path';
import type { Finding } from '../../contracts/packaging-pipeline/findings.ts';
import type { ToolContext } from '../context.ts';
import type { Scan } from '../results.ts';
import { isOfAge } from './database.ts';
import {
  lookByTrivy,
  mergeReports,
  readTrivyReport,
  type TrivyReport,
  type TrivyReports,
} from './trivy-reports.ts';

function findingsOf({ Results }: TrivyReport): Finding[] {
  return Results.flatMap(({ Target, Vulnerabilities }) =>
    Vulnerabilities.map((found) => ({
      id: found.VulnerabilityID,
      aliases: found.VendorIDs,
      package: found.PkgName,
      version: found.InstalledVersion,
      fixed_version:
        found.FixedVersion === undefined || found.FixedVersion === '' ? null : found.FixedVersion,
      severity: found.Severity,
      source: found.DataSource === undefined ? 'trivy' : `trivy: ${found.DataSource.Name}`,
      path: found.PkgPath ?? Target,
      title: found.Title ?? null,
      published_at: found.PublishedDate?.toISOString() ?? null,
    })),
  );
}

/**
 * Findings of a tree by Trivy, offline; from reports that there are already, if their database is still young enough,
 * else from new ones.
 * @throws PackagingError, also for a database that is missing or too old
 */
export async function scanByTrivy(ctx: ToolContext, tree: string, given?: TrivyReports): Promise<Scan> {
  const { maxDatabaseAgeHours } = ctx.settings.scan;
  const usable = given !== undefined && isOfAge(new Date(given.database_updated_at), maxDatabaseAgeHours);
  const looked = usable ? given : await lookByTrivy(ctx, tree);
  const reports = await Promise.all([readTrivyReport(looked.fs), readTrivyReport(looked.rootfs)]);
  const report = join(ctx.workspace, 'scan.trivy.json');
  // What is kept is one report, with what either view has found.
  await mergeReports(looked, report);
  const findings = new Map(
    reports
      .flatMap(findingsOf)
      .map((finding) => [
        JSON.stringify([finding.id, finding.package, finding.version, finding.path]),
        finding,
      ]),
  );
  ctx.log(`scan: ${findings.size} findings`);
  const { database_updated_at } = looked;
  return { scanner: 'trivy', report, findings: [...findings.values()], database_updated_at };
}
