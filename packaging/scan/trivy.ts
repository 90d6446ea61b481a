import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Finding, SEVERITIES } from '../../contracts/packaging-pipeline/findings.ts';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import type { Scan } from '../results.ts';
import { runTool } from '../tools/run-tool.ts';
import { freshTrivyDatabase } from './database.ts';
import { trivyCache } from './trivy-cache.ts';

const reportSchema = z.object({
  SchemaVersion: z.number(),
  Results: z
    .array(
      z.object({
        Target: z.string(),
        Vulnerabilities: z
          .array(
            z.object({
              VulnerabilityID: z.string(),
              PkgName: z.string(),
              InstalledVersion: z.string(),
              FixedVersion: z.string().optional(),
              Severity: z.enum(SEVERITIES).catch('UNKNOWN'),
              Title: z.string().optional(),
              PublishedDate: z.coerce.date().optional().catch(undefined),
              VendorIDs: z.array(z.string()).default([]),
              DataSource: z.object({ Name: z.string() }).optional(),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
});

/** Findings of Trivy's JSON report. @throws when it is none */
export function trivyFindings(report: unknown): Finding[] {
  return reportSchema.parse(report).Results.flatMap(({ Target, Vulnerabilities }) =>
    Vulnerabilities.map((found) => ({
      id: found.VulnerabilityID,
      aliases: found.VendorIDs,
      package: found.PkgName,
      version: found.InstalledVersion,
      fixed_version:
        found.FixedVersion === undefined || found.FixedVersion === '' ? null : found.FixedVersion,
      severity: found.Severity,
      source: found.DataSource === undefined ? 'trivy' : `trivy: ${found.DataSource.Name}`,
      path: Target,
      title: found.Title ?? null,
      published_at: found.PublishedDate?.toISOString() ?? null,
    })),
  );
}

/** Looks at the tree as at sources, by lock files, or as at an installed system, by what lies there. */
async function look(
  ctx: ToolContext,
  tree: string,
  view: 'fs' | 'rootfs',
  output: string,
): Promise<Finding[]> {
  await rm(output, { force: true });
  const cache = await trivyCache(ctx, view);
  await runTool(
    ctx,
    'trivy',
    [
      ...[view, '--scanners', 'vuln', '--format', 'json', '--output', output, '--cache-dir', cache],
      ...['--skip-db-update', '--offline-scan', '--no-progress', '.'],
    ],
    { cwd: tree, failure: 'scan-failed' },
  );
  return read(output);
}

/** Scans a tree by Trivy, offline. @throws PackagingError, also for a database that is missing or too old */
export async function scanByTrivy(ctx: ToolContext, tree: string): Promise<Scan> {
  const updatedAt = await freshTrivyDatabase(ctx);
  const report = join(ctx.workspace, 'scan.trivy.json');
  const seen = await Promise.all([
    look(ctx, tree, 'fs', report),
    look(ctx, tree, 'rootfs', join(ctx.workspace, 'scan.trivy-rootfs.json')),
  ]);
  const findings = new Map(
    seen
      .flat()
      .map((finding) => [
        JSON.stringify([finding.id, finding.package, finding.version, finding.path]),
        finding,
      ]),
  );
  ctx.log(`scan: ${findings.size} findings`);
  return {
    scanner: 'trivy',
    report,
    findings: [...findings.values()],
    database_updated_at: updatedAt.toISOString(),
  };
}

async function read(file: string): Promise<Finding[]> {
  try {
    return trivyFindings(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new PackagingError('scan-failed', 'Trivy’s report is not understood', {
      reason: 'report',
      cause: error,
    });
  }
}
