import { z } from 'zod';
import {
  flagSchema,
  freeText,
  idSchema,
  instantSchema,
  jsonObject,
  pageQuery,
  tagFilterSchema,
  text,
} from '../http/common.ts';

export const PLATFORMS = ['windows', 'macos', 'linux'] as const;
export type Platform = (typeof PLATFORMS)[number];

export const AGENT_STATUSES = ['ONLINE', 'OFFLINE', 'DEGRADED', 'UNKNOWN'] as const;
export type AgentStatus = (typeof AGENT_STATUSES)[number];

/** Agents with this tag (and a value that is not false, 0 or no) raise an alert when they go OFFLINE. */
export const CRITICAL_TAG = 'critical';

const tagValue = z.union([freeText(256), z.number(), z.boolean()]);
export const tagsSchema = z
  .record(z.string().regex(/^[A-Za-z0-9._/-]{1,64}$/), tagValue)
  .refine((tags) => Object.keys(tags).length <= 64, 'must not have more than 64 tags')
  .meta({
    maxProperties: 64,
    propertyNames: { pattern: '^[A-Za-z0-9._/-]{1,64}$' },
    description: 'Labels of an agent; `critical` raises an alert when it goes OFFLINE',
    example: { site: 'zurich', critical: true },
  });
export type Tags = z.infer<typeof tagsSchema>;

/** What a machine says of itself when it enrols; sizes in MiB and GiB. */
export const hardwareFields = {
  hostname: text(255),
  platform: z.enum(PLATFORMS),
  platform_version: freeText(128).default(''),
  agent_version: text(64),
  cpu_cores: z.number().int().min(1).max(65_536).nullish(),
  memory_mb: z.number().int().min(1).max(1_000_000_000).nullish(),
  disk_gb: z.number().int().min(0).max(100_000_000).nullish(),
  ip_address: z.union([z.ipv4(), z.ipv6()]).nullish(),
  mac_address: z
    .string()
    .regex(/^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5,7}$/)
    .nullish(),
};

export const agentSchema = z
  .object({
    id: idSchema,
    hostname: z.string(),
    platform: z.enum(PLATFORMS),
    platform_version: z.string(),
    agent_version: z.string(),
    registration_key: z
      .string()
      .meta({ description: 'Identity under which the machine enrolled; never the token itself' }),
    status: z.enum(AGENT_STATUSES),
    is_online: z.boolean(),
    first_seen_at: instantSchema,
    last_heartbeat_at: instantSchema.nullable(),
    last_error: z.string().nullable(),
    cpu_cores: z.number().int().nullable(),
    memory_mb: z.number().int().nullable(),
    disk_gb: z.number().int().nullable(),
    ip_address: z.string().nullable(),
    mac_address: z.string().nullable(),
    tags: z.record(z.string(), z.unknown()),
    metadata: z.record(z.string(), z.unknown()),
    revoked_at: instantSchema.nullable(),
    cloned_from: idSchema.nullable(),
    created_at: instantSchema,
    updated_at: instantSchema,
  })
  .meta({ id: 'Agent' });
export type Agent = z.infer<typeof agentSchema>;

/** Filters on agents that may also select the targets of a task. */
export const agentSelectionSchema = z.strictObject({
  platform: z.enum(PLATFORMS).optional(),
  status: z.enum(AGENT_STATUSES).optional(),
  is_online: z.boolean().optional(),
  tag: tagFilterSchema.optional().meta({ description: '`name` or `name=value`', example: 'site=zurich' }),
  hostname: text(255).optional().meta({ description: 'Part of the hostname, in any case' }),
  agent_version: text(64).optional(),
});
export type AgentSelection = z.infer<typeof agentSelectionSchema>;

export const agentListQuery = pageQuery.extend({
  ...agentSelectionSchema.shape,
  is_online: flagSchema.optional(),
  cloned_from: idSchema
    .optional()
    .meta({ description: 'Agents that enrolled with the certificate of this one' }),
  last_heartbeat_after: instantSchema.optional(),
  last_heartbeat_before: instantSchema.optional(),
});
export type AgentListQuery = z.infer<typeof agentListQuery>;

export const agentPatchSchema = z
  .strictObject({ tags: tagsSchema })
  .meta({ id: 'AgentPatch', description: 'The tags given replace all tags of the agent' });

export const fleetSummarySchema = z
  .object({
    total: z.number().int(),
    by_status: z.record(z.enum(AGENT_STATUSES), z.number().int()),
    by_platform: z.record(z.enum(PLATFORMS), z.number().int()),
    by_agent_version: z.record(z.string(), z.number().int()),
  })
  .meta({ id: 'FleetSummary', description: 'Counts of agents that are not revoked' });

export const fleetHistoryQuery = z.strictObject({
  hours: z.coerce.number().int().min(1).max(720).default(24).meta({ description: 'Back from now' }),
});

/** Points that a history has at most, however long it is. */
export const MAX_HISTORY_POINTS = 300;

export const fleetHistorySchema = z
  .object({
    items: z.array(fleetSummarySchema.omit({ total: true }).extend({ at: instantSchema })),
  })
  .meta({ id: 'FleetHistory', description: 'Counts of agents over time, oldest first' });
export type FleetHistory = z.infer<typeof fleetHistorySchema>;

export const agentMetadata = jsonObject(16_384);
