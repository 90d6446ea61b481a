import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Config } from '../../contracts/config.ts';
import type { ToolSettings } from '../../packaging/index.ts';

/** Where a packaging worker has its things. */
export interface PackagingPlaces {
  readonly workspaces: string;
  readonly signingKeys: string;
  readonly evidenceCertificate: string;
  readonly evidenceKey: string;
}

/** Keys, databases and workspaces of a packaging worker. */
export const packagingFolder = (config: Config): string =>
  config.EUCORA_PACKAGING_DIR ?? join(config.EUCORA_DATA_DIR, 'packaging');

export function packagingPlaces(config: Config): PackagingPlaces {
  const keys = join(packagingFolder(config), 'keys');
  return {
    workspaces: join(packagingFolder(config), 'workspaces'),
    signingKeys: config.EUCORA_SIGNING_KEYS_FILE ?? join(packagingFolder(config), 'signing', 'keys.json'),
    evidenceCertificate: config.EUCORA_EVIDENCE_CERTIFICATE_FILE ?? join(keys, 'evidence.pem'),
    evidenceKey: config.EUCORA_EVIDENCE_KEY_FILE ?? join(keys, 'evidence-key.pem'),
  };
}

/** Who fetches from Trivy's own source fetches all that it has there; a mirror of one holds nothing of the other. */
function repositories({
  EUCORA_TRIVY_REPOSITORY: weaknesses,
  EUCORA_TRIVY_JAVA_REPOSITORY: java = weaknesses === 'default' ? weaknesses : undefined,
}: Config) {
  const unlessNone = (name: string | undefined) => (name === 'none' ? undefined : name);
  return { trivyRepository: unlessNone(weaknesses), trivyJavaRepository: unlessNone(java) };
}

/** @param path the PATH of this process: where the machine's own tools are */
export function toolSettings(config: Config, path: string): ToolSettings {
  const programs = {
    ...(config.TRIVY_PATH === undefined ? {} : { trivy: config.TRIVY_PATH }),
    ...(config.OSV_SCANNER_PATH === undefined ? {} : { 'osv-scanner': config.OSV_SCANNER_PATH }),
  };
  return {
    path: [...config.EUCORA_PACKAGING_PATH, ...path.split(delimiter).filter((folder) => folder !== '')],
    isolation: config.EUCORA_PACKAGING_ISOLATION,
    programs,
    scan: {
      trivyCache: config.EUCORA_TRIVY_CACHE_DIR ?? join(packagingFolder(config), 'trivy'),
      ...repositories(config),
      maxJavaIndexAgeHours: config.EUCORA_TRIVY_JAVA_MAX_AGE_HOURS,
      osvDatabase: config.EUCORA_OSV_DATABASE_DIR ?? join(packagingFolder(config), 'osv'),
      maxDatabaseAgeHours: config.EUCORA_SCAN_DATABASE_MAX_AGE_HOURS,
    },
    timestampUrl: config.EUCORA_TIMESTAMP_URL,
    timestampAuthorities: config.EUCORA_TIMESTAMP_CA_FILE,
  };
}

/** Steps at a time: tools are what takes the time, one processor each. */
export const concurrencyOf = (config: Config): number =>
  config.EUCORA_PACKAGING_CONCURRENCY ?? Math.max(2, availableParallelism());
