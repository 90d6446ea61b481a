import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SEVERITIES } from '../../contracts/packaging-pipeline/findings.ts';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import { freshJavaIndex, freshTrivyDatabase } from './database.ts';
import { holdsJava } from './java.ts';
import { convertByTrivy, runTrivy } from './trivy-run.ts';

const packageSchema = z.object({
  ID: z.string().optional(),
  Name: z.string(),
  Version: z.string().default(''),
  /** Newer builds of Trivy tell it. */
  Identifier: z.object({ PURL: z.string().optional() }).optional(),
  Licenses: z.array(z.string()).default([]),
  FilePath: z.string().optional(),
  /** Such as `sha1:…`. */
  Digest: z.string().optional(),
  DependsOn: z.array(z.string()).default([]),
});
const vulnerabilitySchema = z.object({
  VulnerabilityID: z.string(),
  PkgName: z.string(),
  /** Where the package lies, if it was found by itself. */
  PkgPath: z.string().optional(),
  InstalledVersion: z.string(),
  FixedVersion: z.string().optional(),
  Severity: z.enum(SEVERITIES).catch('UNKNOWN'),
  Title: z.string().optional(),
  PublishedDate: z.coerce.date().optional().catch(undefined),
  VendorIDs: z.array(z.string()).default([]),
  DataSource: z.object({ Name: z.string() }).optional(),
});
const reportSchema = z.object({
  SchemaVersion: z.number(),
  Results: z
    .array(
      z.object({
        Target: z.string(),
        Class: z.string().default(''),
        Type: z.string().default(''),
        Packages: z.array(packageSchema).default([]),
        Vulnerabilities: z.array(vulnerabilitySchema).default([]),
      }),
    )
    .default([]),
});
export type TrivyReport = z.infer<typeof reportSchema>;
export type TrivyResult = TrivyReport['Results'][number];
export type TrivyPackage = z.infer<typeof packageSchema>;

/** What Trivy wrote of a tree: paths of its JSON reports, with packages and findings. */
export interface TrivyReports {
  /** Seen as sources, by lock files. */
  readonly fs: string;
  /** Seen as an installed system, by what lies there. */
  readonly rootfs: string;
  /** ISO 8601. */
  readonly database_updated_at: string;
}

async function look(ctx: ToolContext, tree: string, view: 'fs' | 'rootfs', java: boolean): Promise<string> {
  const output = join(ctx.workspace, `look.trivy-${view}.json`);
  await rm(output, { force: true });
  const args = [
    ...['--scanners', 'vuln', '--format', 'json', '--list-all-pkgs', '--output', output],
    ...['--skip-db-update', '--no-progress'],
  ];
  await runTrivy(ctx, tree, { view, purpose: view, args, database: true, java });
  return output;
}

/**
 * Has Trivy look at a tree in both ways, offline. One start a view: SBOM and findings are both read from what it
 * wrote, for a start costs more than the look.
 *
 * @throws PackagingError, also for a database that is missing or too old, and for an index of Java archives that is
 * where the tree holds some
 */
export async function lookByTrivy(ctx: ToolContext, tree: string): Promise<TrivyReports> {
  const java = await holdsJava(tree);
  const [updatedAt] = await Promise.all([freshTrivyDatabase(ctx), java ? freshJavaIndex(ctx) : undefined]);
  const [fs, rootfs] = await Promise.all([look(ctx, tree, 'fs', java), look(ctx, tree, 'rootfs', java)]);
  return { fs, rootfs, database_updated_at: updatedAt.toISOString() };
}

/** @throws PackagingError when it is no report of Trivy's */
export async function readTrivyReport(file: string): Promise<TrivyReport> {
  try {
    return reportSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new PackagingError('scan-failed', 'Trivy’s report is not understood', {
      reason: 'report',
      cause: error,
    });
  }
}

/** Both views as one report, of Trivy's own form. */
export async function mergeReports({ fs, rootfs }: TrivyReports, output: string): Promise<void> {
  const [first, second] = await Promise.all(
    [fs, rootfs].map(async (file) => JSON.parse(await readFile(file, 'utf8')) as { Results?: unknown[] }),
  );
  const merged = { ...first, Results: [...(first?.Results ?? []), ...(second?.Results ?? [])] };
  await writeFile(output, JSON.stringify(merged), { mode: 0o600 });
}

/** What the reports list in another form that Trivy writes. @throws PackagingError */
export async function convertReports(
  ctx: ToolContext,
  reports: TrivyReports,
  format: 'spdx-json' | 'cyclonedx',
  output: string,
): Promise<void> {
  const merged = join(ctx.workspace, `convert.${format}.json`);
  await mergeReports(reports, merged);
  await convertByTrivy(ctx, merged, format, output);
  await rm(merged);
}
