import { z } from 'zod';
import { list, optional } from '../setting-values.ts';
import { SCANNERS, SEVERITIES } from './findings.ts';

const FLOOR = 'CRITICAL,HIGH';
/** Severities with commas between them; `none` is nothing, and an empty variable counts as unset. */
const severities = z
  .string()
  .transform((value) => (value === 'none' ? [] : (value || FLOOR).split(',').map((name) => name.trim())))
  .pipe(z.array(z.enum(SEVERITIES, `must be of ${SEVERITIES.join(', ')}, or none`)));

/** Packaging workers and their tools. */
export const packagingSettings = {
  EUCORA_PACKAGING_DIR: optional(z.string()).describe(
    'Folder of packaging workers: keys, databases, workspaces; default: `packaging` in the data directory',
  ),
  EUCORA_PACKAGING_CONCURRENCY: optional(z.coerce.number().int().min(1).max(256)).describe(
    'Packaging steps that one worker runs at a time; default: its processors',
  ),
  EUCORA_PACKAGING_ISOLATION: z
    .enum(['required', 'preferred'])
    .default('preferred')
    .describe('Whether tools may run where they cannot be cut off from the network'),
  EUCORA_PACKAGING_PATH: list.describe(
    'Folders in which packaging tools are looked for before those of PATH, with commas between them',
  ),
  EUCORA_SOURCE_ALLOWED_HOSTS: list.describe(
    'Hosts, addresses and CIDR blocks inside the network that source URLs may lead to, with commas between them; all others must be at public addresses',
  ),
  EUCORA_SIGNING_KEYS_FILE: optional(z.string()).describe(
    'List of signing keys; by default keys for development are made in the packaging folder',
  ),
  EUCORA_EVIDENCE_CERTIFICATE_FILE: optional(z.string()).describe(
    'Certificate of the evidence key; default: `keys/evidence.pem` in the packaging folder',
  ),
  EUCORA_EVIDENCE_KEY_FILE: optional(z.string()).describe(
    'Key that signs evidence; default: `keys/evidence-key.pem` in the packaging folder',
  ),
  EUCORA_TIMESTAMP_URL: optional(z.url({ protocol: /^https?$/ })).describe(
    'RFC 3161 server for signatures of Windows packages; none when empty',
  ),
  EUCORA_TIMESTAMP_CA_FILE: optional(z.string()).describe(
    'Authorities that timestamps must lead to; default: the machine’s',
  ),
  EUCORA_SCANNER: z.enum(SCANNERS).default('trivy').describe('Program that looks for known weaknesses'),
  EUCORA_POLICY_FLOOR: severities
    .prefault(FLOOR)
    .describe(
      'Severities that block whatever a pipeline’s policy says, unless an exception excuses them; `none`: policies alone decide',
    ),
  EUCORA_SCAN_DATABASE_MAX_AGE_HOURS: z.coerce
    .number()
    .int()
    .min(1)
    .max(87_600)
    .default(72)
    .describe('A scanner’s database older than that is an error'),
  EUCORA_TRIVY_CACHE_DIR: optional(z.string()).describe(
    'Trivy’s cache with its database; default: `trivy` in the packaging folder',
  ),
  EUCORA_TRIVY_REPOSITORY: optional(z.string()).describe(
    'OCI repository from which Trivy’s database is fetched; `default`: Trivy’s own source, which the embedded platform tries unless it is `none`; offline when empty',
  ),
  EUCORA_TRIVY_JAVA_REPOSITORY: optional(z.string()).describe(
    'The same of Trivy’s index of Java archives, for packages that hold some; by default Trivy’s own source where the database is fetched from there, else none',
  ),
  EUCORA_TRIVY_JAVA_MAX_AGE_HOURS: z.coerce
    .number()
    .int()
    .min(1)
    .max(87_600)
    .default(720)
    .describe('An index of Java archives older than that is an error'),
  EUCORA_OSV_DATABASE_DIR: optional(z.string()).describe(
    'Database of osv-scanner; default: `osv` in the packaging folder',
  ),
  TRIVY_PATH: optional(z.string()).describe('Trivy to use instead of the one that comes along'),
  OSV_SCANNER_PATH: optional(z.string()).describe('osv-scanner to use instead of the one in PATH'),
};
