import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bucket, boltFile } from './bolt-file.ts';

/** One known weakness of a package. */
export interface Advisory {
  readonly id: string;
  /** By default npm. */
  readonly ecosystem?: Ecosystem;
  readonly package: string;
  /** Versions that have it, as its ecosystem writes ranges. */
  readonly vulnerable: string;
  readonly fixed: string;
  readonly severity: 'CRITICAL' | 'HIGH' | 'MEDIUM' | 'LOW';
  readonly title: string;
  /** ISO 8601. */
  readonly published: string;
}

/** Well-known ones, as their advisories tell. */
export const KNOWN_ADVISORIES: readonly Advisory[] = [
  {
    id: 'CVE-2019-10744',
    package: 'lodash',
    vulnerable: '<4.17.12',
    fixed: '4.17.12',
    severity: 'CRITICAL',
    title: 'Prototype pollution in lodash',
    published: '2019-07-26T00:15:00Z',
  },
  {
    id: 'CVE-2020-7598',
    package: 'minimist',
    vulnerable: '<0.2.1',
    fixed: '0.2.1',
    severity: 'MEDIUM',
    title: 'Prototype pollution in minimist',
    published: '2020-03-11T23:15:00Z',
  },
];

type Ecosystem = 'npm' | 'maven';
const SOURCES = {
  npm: 'GitHub Security Advisory npm',
  maven: 'GitHub Security Advisory Maven',
} as const satisfies Record<Ecosystem, string>;
const bucketOf = (ecosystem: Ecosystem): string => `${ecosystem}::${SOURCES[ecosystem]}`;
const SEVERITIES = { LOW: 1, MEDIUM: 2, HIGH: 3, CRITICAL: 4 } as const;
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** Writes a small database in Trivy's form into `<cache>/db`, for scans without a network. */
export async function writeTrivyDatabase(
  cache: string,
  advisories: readonly Advisory[],
  updatedAt: Date,
): Promise<void> {
  const buckets = new Map<string, Map<string, Map<string, Buffer>>>();
  const sources = new Map<string, Buffer>();
  for (const advisory of advisories) {
    const { ecosystem = 'npm' } = advisory;
    const bucket = bucketOf(ecosystem);
    const packages = buckets.get(bucket) ?? new Map<string, Map<string, Buffer>>();
    buckets.set(bucket, packages);
    sources.set(bucket, json({ ID: 'ghsa', Name: SOURCES[ecosystem], URL: 'https://github.com/advisories' }));
    const known = packages.get(advisory.package) ?? new Map<string, Buffer>();
    packages.set(advisory.package, known);
    known.set(
      advisory.id,
      json({ PatchedVersions: [advisory.fixed], VulnerableVersions: [advisory.vulnerable] }),
    );
  }
  const details = advisories.map(({ id, title, severity, published }): [string, Buffer] => [
    id,
    json({
      Title: title,
      Severity: severity,
      VendorSeverity: { ghsa: SEVERITIES[severity] },
      PublishedDate: published,
    }),
  ]);
  const root: Bucket = new Map<string, Bucket>([
    ...buckets,
    ['vulnerability', new Map(details)],
    ['data-source', sources],
  ]);
  const folder = join(cache, 'db');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, 'trivy.db'), boltFile(root), { mode: 0o600 });
  const at = updatedAt.toISOString();
  const next = new Date(updatedAt.getTime() + 86_400_000).toISOString();
  await writeFile(
    join(folder, 'metadata.json'),
    JSON.stringify({ Version: 2, UpdatedAt: at, NextUpdate: next, DownloadedAt: at }),
  );
}
