import { z } from 'zod';
import {
  flagSchema,
  freeText,
  idSchema,
  instantSchema,
  jsonObject,
  pageQuery,
  percentSchema,
  text,
} from '../http/common.ts';

/** Spans that a history is divided into; the first and the last may be cut. */
export const MAX_TELEMETRY_POINTS = 144;

export const MAX_TELEMETRY_BATCH = 500;
export const MAX_TELEMETRY_PAGE = 100;

const size = z.number().min(0).max(1e12);

export const softwareSchema = z.object({
  name: text(512),
  version: freeText(255),
  publisher: freeText(512).nullish(),
  installed_on: z.iso
    .date()
    .nullish()
    .meta({ description: 'Date of installation where the system knows it' }),
});
export type Software = z.infer<typeof softwareSchema>;

export const serviceHealthSchema = z.object({
  name: text(255),
  state: z.enum(['running', 'stopped', 'failed', 'unknown']),
  detail: freeText(1_024).nullish(),
});

const measurements = {
  cpu_percent: percentSchema.nullish(),
  memory_percent: percentSchema.nullish(),
  memory_used_mb: size.nullish(),
  memory_total_mb: size.nullish(),
  disk_percent: percentSchema.nullish(),
  disk_used_gb: size.nullish(),
  disk_total_gb: size.nullish(),
  installed_software: z
    .array(softwareSchema)
    .max(20_000)
    .nullish()
    .meta({ description: 'Whole list, sent when it has changed' }),
  services: z.array(serviceHealthSchema).max(1_000).nullish(),
  metrics: jsonObject(65_536).nullish(),
};

/** One measurement; percentages 0 to 100, memory in MiB, disk in GiB. */
export const telemetrySampleSchema = z
  .object({ collected_at: instantSchema, ...measurements })
  .meta({ id: 'TelemetrySample' });
export type TelemetrySample = z.infer<typeof telemetrySampleSchema>;

export const telemetryRequestSchema = z
  .union([
    telemetrySampleSchema,
    z.object({ samples: z.array(telemetrySampleSchema).min(1).max(MAX_TELEMETRY_BATCH) }),
  ])
  .meta({ id: 'TelemetryRequest', description: 'One sample, or those kept while the platform was away' });
export type TelemetryRequest = z.infer<typeof telemetryRequestSchema>;

export const telemetryReceiptSchema = z
  .object({
    accepted: z.number().int(),
    duplicates: z.number().int().meta({ description: 'Samples that were already known' }),
    rejected: z.array(z.object({ index: z.number().int(), reason: z.string() })).meta({
      description: 'Samples older than the retention or from the future; not to be sent again',
    }),
  })
  .meta({ id: 'TelemetryReceipt' });
export type TelemetryReceipt = z.infer<typeof telemetryReceiptSchema>;

export const telemetryRecordSchema = telemetrySampleSchema
  .extend({ agent_id: idSchema, received_at: instantSchema })
  .meta({ id: 'Telemetry' });
export type TelemetryRecord = z.infer<typeof telemetryRecordSchema>;

export const installedSoftwareSchema = z
  .object({ collected_at: instantSchema, software: z.array(softwareSchema) })
  .meta({ id: 'InstalledSoftware' });

/** Samples carry lists of services and free metrics, too: pages of them are shorter than others. */
export const telemetryListQuery = pageQuery.extend({
  limit: pageQuery.shape.limit
    .overwrite((limit) => Math.min(limit, MAX_TELEMETRY_PAGE))
    .meta({ description: `A page holds ${MAX_TELEMETRY_PAGE} at most, however many are asked for` }),
  collected_after: instantSchema.optional(),
  collected_before: instantSchema.optional(),
  with_software: flagSchema
    .default(false)
    .meta({ description: 'Also give the software lists, which are long' }),
});
export type TelemetryListQuery = z.infer<typeof telemetryListQuery>;

export const telemetryHistoryQuery = z.strictObject({
  hours: z.coerce.number().int().min(1).max(720).default(24).meta({ description: 'Back from now' }),
});

const measured = z.number().nullable();
export const telemetryHistorySchema = z
  .object({
    items: z.array(
      z.object({
        at: instantSchema.meta({ description: 'When the span begins' }),
        cpu_percent: measured,
        cpu_percent_max: measured,
        memory_percent: measured,
        memory_percent_max: measured,
        disk_percent: measured,
        disk_percent_max: measured,
      }),
    ),
  })
  .meta({
    id: 'TelemetryHistory',
    description: `Means and peaks of some ${MAX_TELEMETRY_POINTS} equal spans, those without samples left out`,
  });
export type TelemetryHistory = z.infer<typeof telemetryHistorySchema>;

export const deploymentReportSchema = z
  .object({
    task_id: idSchema.nullish(),
    deployment_intent: text(128).nullish(),
    package_name: text(255),
    package_version: text(255),
    status: z.enum(['DOWNLOADING', 'INSTALLING', 'VERIFYING', 'INSTALLED', 'FAILED', 'REMOVED']),
    progress: percentSchema.nullish(),
    error: freeText(16_384).nullish(),
  })
  .meta({ id: 'DeploymentReport' });
export type DeploymentReport = z.infer<typeof deploymentReportSchema>;

export const deploymentStatusSchema = deploymentReportSchema
  .extend({ id: idSchema, agent_id: idSchema, reported_at: instantSchema })
  .meta({ id: 'DeploymentStatus' });
export type DeploymentStatus = z.infer<typeof deploymentStatusSchema>;

export const deploymentStatusQuery = pageQuery.extend({
  agent_id: idSchema.optional(),
  task_id: idSchema.optional(),
  package_name: text(255).optional(),
});
export type DeploymentStatusQuery = z.infer<typeof deploymentStatusQuery>;
