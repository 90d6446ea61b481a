import { z } from 'zod';
import { optional } from '../setting-values.ts';

/** The store of artifacts: a folder, or a bucket. */
export const storeSettings = {
  EUCORA_STORE_DIR: optional(z.string()).describe(
    'Folder of the artifact store, shared by API and workers; default: `artifacts` in the data directory',
  ),
  EUCORA_STORE_QUOTA_BYTES: optional(z.coerce.number().int().min(1)).describe(
    'Largest that the artifact store may grow; no bound when empty',
  ),
  EUCORA_STORE_RETENTION_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(36_500)
    .default(90)
    .describe('Days that artifacts are kept which no pipeline, evidence or open task needs'),
  EUCORA_S3_BUCKET: optional(z.string()).describe('Bucket of the artifact store; a folder when empty'),
  EUCORA_S3_REGION: z.string().min(1).default('us-east-1').describe('Region of the bucket'),
  EUCORA_S3_PREFIX: z
    .string()
    .regex(/^([A-Za-z0-9!_.*'()-]+\/)*$/, 'must be empty or end with /')
    .default('')
    .describe('Before the keys in the bucket, such as `eucora/`'),
  EUCORA_S3_ENDPOINT: optional(z.url({ protocol: /^https?$/ })).describe(
    'Server that speaks S3; Amazon’s when empty',
  ),
  EUCORA_S3_PATH_STYLE: z
    .stringbool()
    .default(false)
    .describe('The bucket stands in the path instead of the host name, as many servers want it'),
  EUCORA_S3_ACCESS_KEY_ID: optional(z.string()).describe(
    'Credentials for the bucket; default: as Amazon’s tools find them',
  ),
  EUCORA_S3_SECRET_ACCESS_KEY: optional(z.string()).describe('Goes with the access key id'),
};
