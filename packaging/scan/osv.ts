import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Finding, Severity } from '../../contracts/packaging-pipeline/findings.ts';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import type { Scan } from '../results.ts';
import { runTool } from '../tools/run-tool.ts';
import { checkAge, osvDatabaseDate } from './database.ts';

const vulnerability = z.object({
  id: z.string(),
  aliases: z.array(z.string()).default([]),
  summary: z.string().optional(),
  published: z.coerce.date().optional().catch(undefined),
  database_specific: z.object({ severity: z.string().optional() }).optional().catch(undefined),
  affected: z
    .array(
      z.object({
        package: z.object({ name: z.string() }).optional(),
        ranges: z
          .array(z.object({ events: z.array(z.record(z.string(), z.string())).default([]) }))
          .default([]),
      }),
    )
    .default([]),
});
const reportSchema = z.object({
  results: z
    .array(
      z.object({
        source: z.object({ path: z.string() }),
        packages: z
          .array(
            z.object({
              package: z.object({ name: z.string(), version: z.string(), ecosystem: z.string() }),
              vulnerabilities: z.array(vulnerability).default([]),
              groups: z
                .array(z.object({ ids: z.array(z.string()), max_severity: z.string().optional() }))
                .default([]),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
});
type Vulnerability = z.infer<typeof vulnerability>;

const WORDS: Readonly<Record<string, Severity>> = {
  CRITICAL: 'CRITICAL',
  HIGH: 'HIGH',
  MODERATE: 'MEDIUM',
  MEDIUM: 'MEDIUM',
  LOW: 'LOW',
};

/** A CVSS score in words, as CVSS 3 names its ranges. */
export function severityOfScore(score: number): Severity {
  if (!(score > 0)) return 'UNKNOWN';
  if (score >= 9) return 'CRITICAL';
  if (score >= 7) return 'HIGH';
  return score >= 4 ? 'MEDIUM' : 'LOW';
}

function severityOf(found: Vulnerability, score: string | undefined): Severity {
  const word = WORDS[found.database_specific?.severity?.toUpperCase() ?? ''];
  return word ?? severityOfScore(Number(score ?? Number.NaN));
}

function fixedVersion(found: Vulnerability, name: string): string | null {
  const fixed = found.affected
    .filter((affected) => affected.package?.name === name)
    .flatMap(({ ranges }) => ranges.flatMap(({ events }) => events.map((event) => event['fixed'])))
    .filter((version) => version !== undefined);
  return fixed.length === 0 ? null : fixed.join(', ');
}

/** Findings of osv-scanner's JSON report, under their CVE where they have one. @throws when it is none */
export function osvFindings(report: unknown, root: string): Finding[] {
  return reportSchema.parse(report).results.flatMap(({ source, packages }) =>
    packages.flatMap(({ package: part, vulnerabilities, groups }) =>
      vulnerabilities.map((found) => {
        const names = [found.id, ...found.aliases];
        const id = names.find((name) => name.startsWith('CVE-')) ?? found.id;
        const score = groups.find(({ ids }) => ids.includes(found.id))?.max_severity;
        return {
          id,
          aliases: names.filter((name) => name !== id),
          package: part.name,
          version: part.version,
          fixed_version: fixedVersion(found, part.name),
          severity: severityOf(found, score),
          source: `osv-scanner: ${part.ecosystem}`,
          path: source.path.startsWith(`${root}/`) ? source.path.slice(root.length + 1) : source.path,
          title: found.summary ?? null,
          published_at: found.published?.toISOString() ?? null,
        };
      }),
    ),
  );
}

/** It found nothing that it could look at. */
const NO_SOURCES = 128;

/**
 * Scans a tree by osv-scanner with its offline databases. That it found nothing to look at is an error, not a pass.
 * @throws PackagingError
 */
export async function scanByOsv(ctx: ToolContext, tree: string): Promise<Scan> {
  const { osvDatabase, maxDatabaseAgeHours } = ctx.settings.scan;
  const updatedAt = checkAge(await osvDatabaseDate(osvDatabase), maxDatabaseAgeHours, 'osv-scanner');
  const report = join(ctx.workspace, 'scan.osv-scanner.json');
  // A package may bring an `osv-scanner.toml`, which must not decide how it is looked at.
  const settings = join(ctx.workspace, 'scan.osv-scanner.toml');
  for (const file of [report, settings]) await rm(file, { force: true });
  await writeFile(settings, '', { mode: 0o600, flag: 'wx' });
  const { exitCode } = await runTool(
    ctx,
    'osv-scanner',
    [
      ...['scan', 'source', '--offline', '--offline-vulnerabilities', '--local-db-path', osvDatabase],
      ...['--config', settings],
      ...['--format', 'json', '--output-file', report, '--recursive', '--no-ignore', tree],
    ],
    { failure: 'scan-failed', exitCodes: [0, 1, NO_SOURCES], quiet: true },
  );
  if (exitCode === NO_SOURCES)
    throw new PackagingError(
      'scan-failed',
      'osv-scanner found no lock file or package list to look at, so that it cannot vouch for the package: use Trivy, or install one with it',
      { reason: 'nothing-scanned' },
    );
  let findings: Finding[];
  try {
    findings = osvFindings(JSON.parse(await readFile(report, 'utf8')), tree);
  } catch (error) {
    throw new PackagingError('scan-failed', 'osv-scanner’s report is not understood', {
      reason: 'report',
      cause: error,
    });
  }
  ctx.log(`scan: ${findings.length} findings`);
  return { scanner: 'osv-scanner', report, findings, database_updated_at: updatedAt.toISOString() };
}
