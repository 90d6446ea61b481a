import type { Scanner } from '../../contracts/packaging-pipeline/findings.ts';
import { PackagingError } from '../errors.ts';

/** What scans need besides their program. */
export type Kept = Scanner | 'java';

interface Words {
  readonly missing: string;
  readonly name: string;
  /** The setting that says how old it may be. */
  readonly age: string;
  /** What brings one. */
  readonly hint: string;
}

const PLACE = 'EUCORA_TRIVY_CACHE_DIR (by default DATA/packaging/trivy)';
const AGE = 'EUCORA_SCAN_DATABASE_MAX_AGE_HOURS';
const fetched = (setting: string, option: string, folder: string): string =>
  `Let the packaging workers fetch it (${setting}=default, or a mirror of yours), or bring it: run \`trivy fs ${option} --cache-dir FOLDER\` where there is a network, and copy FOLDER/${folder} into ${PLACE}. Then: eucora packages retry ID`;

const WORDS: Readonly<Record<Kept, Words>> = {
  trivy: {
    missing: 'Trivy has no database of known weaknesses',
    name: 'database of Trivy',
    age: AGE,
    hint: fetched('EUCORA_TRIVY_REPOSITORY', '--download-db-only', 'db'),
  },
  java: {
    missing: 'The package holds Java archives, and Trivy has no index by which it could know them',
    name: 'index by which Trivy knows Java archives',
    age: 'EUCORA_TRIVY_JAVA_MAX_AGE_HOURS',
    hint: fetched('EUCORA_TRIVY_JAVA_REPOSITORY', '--download-java-db-only', 'java-db'),
  },
  'osv-scanner': {
    missing: 'osv-scanner has no database of known weaknesses',
    name: 'database of osv-scanner',
    age: AGE,
    hint: 'Bring it: put the all.zip of each ecosystem into EUCORA_OSV_DATABASE_DIR/osv-scalibr/ECOSYSTEM (by default DATA/packaging/osv). Then: eucora packages retry ID',
  },
};

/** What is missing, or too old or too young, with what to do. */
export function databaseError(kept: Kept, updatedAt: Date | undefined, maxHours: number): PackagingError {
  const { missing, name, age, hint } = WORDS[kept];
  return updatedAt === undefined
    ? new PackagingError('scan-database', `${missing}. ${hint}`, { reason: 'missing' })
    : new PackagingError(
        'scan-database',
        `The ${name} is of ${updatedAt.toISOString()}, and may be ${maxHours} hours old at most (${age}). ${hint}`,
        { reason: 'age' },
      );
}
