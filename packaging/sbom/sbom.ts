import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Component } from '../../contracts/packaging-pipeline/findings.ts';
import type { SbomFormat } from '../../contracts/packaging-pipeline/steps.ts';
import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import type { Sbom } from '../results.ts';
import { convertReports, readTrivyReport, type TrivyReports } from '../scan/trivy-reports.ts';
import { runTrivy } from '../scan/trivy-run.ts';
import { renderCycloneDx, type SbomSubject } from './cyclonedx.ts';

const license = z.union([
  z.object({ license: z.object({ id: z.string().optional(), name: z.string().optional() }) }),
  z.object({ expression: z.string() }),
]);
const cycloneDx = z.object({
  bomFormat: z.literal('CycloneDX'),
  components: z
    .array(
      z.object({
        name: z.string(),
        version: z.string().default(''),
        purl: z.string().optional(),
        licenses: z.array(license).default([]),
      }),
    )
    .default([]),
});
const NO_LICENSE = 'NOASSERTION';
const spdx = z.object({
  spdxVersion: z.string(),
  packages: z
    .array(
      z.object({
        name: z.string(),
        versionInfo: z.string().default(''),
        licenseDeclared: z.string().default(NO_LICENSE),
        externalRefs: z
          .array(z.object({ referenceType: z.string(), referenceLocator: z.string() }))
          .default([]),
      }),
    )
    .default([]),
});

function licenseNames(entry: z.infer<typeof license>): string[] {
  if ('expression' in entry) return [entry.expression];
  return [entry.license.id ?? entry.license.name ?? []].flat();
}

/** What is a package of somebody's, not a file or the tree itself. */
function componentsOf(format: SbomFormat, json: unknown): Component[] {
  if (format === 'cyclonedx') {
    return cycloneDx
      .parse(json)
      .components.flatMap(({ purl, licenses, ...named }) =>
        purl === undefined ? [] : [{ ...named, purl, licenses: licenses.flatMap(licenseNames) }],
      );
  }
  return spdx.parse(json).packages.flatMap(({ name, versionInfo, licenseDeclared, externalRefs }) => {
    const purl = externalRefs.find(({ referenceType }) => referenceType === 'purl')?.referenceLocator;
    if (purl === undefined) return [];
    const licenses = [licenseDeclared].filter((declared) => !['NONE', NO_LICENSE].includes(declared));
    return [{ name, version: versionInfo, purl, licenses }];
  });
}

/** What Trivy calls them. */
const OUTPUTS = { spdx: 'spdx-json', cyclonedx: 'cyclonedx' } as const;

export interface SbomOptions {
  /** Trivy's reports of the tree, where there are some: then it need not be started once more. */
  readonly reports?: TrivyReports | undefined;
  readonly subject?: SbomSubject;
}

/** SBOM of a laid-out tree, into `<workspace>/sbom.<format>.json`. @throws PackagingError */
export async function makeSbom(
  ctx: ToolContext,
  tree: string,
  format: SbomFormat,
  options: SbomOptions = {},
): Promise<Sbom> {
  const file = join(ctx.workspace, `sbom.${format}.json`);
  await rm(file, { force: true });
  const rendered = format === 'cyclonedx' ? await renderReports(options) : undefined;
  if (rendered !== undefined) await writeFile(file, rendered, { mode: 0o600 });
  else if (options.reports !== undefined) await convertReports(ctx, options.reports, OUTPUTS[format], file);
  else await writeByTrivy(ctx, tree, format, file);
  try {
    const json: unknown = JSON.parse(await readFile(file, 'utf8'));
    const components = componentsOf(format, json);
    ctx.log(`sbom: ${components.length} components`);
    return { format, file, components };
  } catch (error) {
    throw new PackagingError('scan-failed', 'The SBOM that Trivy made is not understood', {
      reason: 'report',
      cause: error,
    });
  }
}

async function renderReports({
  reports,
  subject = { name: '.', version: '' },
}: SbomOptions): Promise<string | undefined> {
  if (reports === undefined) return undefined;
  const read = await Promise.all([readTrivyReport(reports.fs), readTrivyReport(reports.rootfs)]);
  return renderCycloneDx(read, subject);
}

async function writeByTrivy(ctx: ToolContext, tree: string, format: SbomFormat, file: string): Promise<void> {
  const args = ['--format', OUTPUTS[format], '--output', file];
  await runTrivy(ctx, tree, { view: 'fs', purpose: 'sbom', args, database: false, java: false });
}
