import { z } from 'zod';
import { storeSettings } from './artifact/settings.ts';
import { aiSettings } from './incident/ai-settings.ts';
import { incidentSettings } from './incident/settings.ts';
import { packagingSettings } from './packaging-pipeline/settings.ts';
import { list, optional, percent, port, seconds } from './setting-values.ts';

/**
 * All settings of API and workers, by environment variable. `docs/operations/configuration.md` is held against
 * this schema by a test. Temporal's own variables (`TEMPORAL_*`) are read by Temporal's library.
 */
export const configSchema = z.object({
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL')
    .describe('Postgres 15 or newer'),
  EUCORA_DATABASE_POOL: z.coerce
    .number()
    .int()
    .min(2)
    .max(200)
    .default(10)
    .describe('Connections to Postgres, a process'),
  EUCORA_DATA_DIR: z.string().min(1).describe('CA, artifacts and first admin token; shared by API replicas'),
  EUCORA_OPERATOR_HOST: z.string().default('127.0.0.1').describe('Address of the operators’ listener'),
  EUCORA_OPERATOR_PORT: port.default(8080).describe('Port of the operators’ listener'),
  EUCORA_AGENT_HOST: z.string().default('127.0.0.1').describe('Address of the agents’ mutual-TLS listener'),
  EUCORA_AGENT_PORT: port.default(8443).describe('Port of the agents’ mutual-TLS listener'),
  EUCORA_AGENT_TLS_NAMES: list.describe(
    'Further DNS names and addresses in the agents’ listener’s certificate',
  ),
  EUCORA_AGENT_PROXY_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('Address of the listener for TLS-ending proxies'),
  EUCORA_AGENT_PROXY_PORT: optional(port).describe(
    'Port of the listener for TLS-ending proxies (RFC 9440); off when empty',
  ),
  EUCORA_TRUSTED_PROXIES: list.describe('Addresses or CIDR blocks whose Client-Cert header is believed'),
  EUCORA_TLS_TICKET_KEYS_FILE: optional(z.string()).describe(
    '48 bytes shared by API replicas for TLS session tickets; default: in the data directory',
  ),
  TEMPORAL_UI_URL: optional(z.url({ protocol: /^https?$/ })).describe(
    'Temporal’s Web UI, to which the console links workflows; no links when empty',
  ),
  EUCORA_WORKER_HEALTH_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('Address of the workers’ health and metrics listener'),
  EUCORA_WORKER_HEALTH_PORT: port.default(8090).describe('Port of the workers’ health and metrics listener'),
  EUCORA_WORKER_CACHED_WORKFLOWS: z.coerce
    .number()
    .int()
    .min(10)
    .default(2_000)
    .describe('Workflows that a worker keeps in memory, 0.15 MB each; those beyond are replayed'),
  EUCORA_WORKER_WORKFLOW_TASKS: z.coerce
    .number()
    .int()
    .min(2)
    .default(100)
    .describe('Workflow tasks that a worker works on at once'),
  EUCORA_WORKER_POLLERS: z.coerce
    .number()
    .int()
    .min(2)
    .max(100)
    .default(10)
    .describe('Calls by which a worker waits for workflow tasks'),
  EUCORA_HEARTBEAT_INTERVAL_SECONDS: seconds
    .default(60)
    .describe('Asked of agents; twice this is a lost hand-over'),
  EUCORA_TELEMETRY_INTERVAL_SECONDS: seconds.default(300).describe('Asked of agents'),
  EUCORA_OFFLINE_AFTER_SECONDS: seconds.default(300).describe('Silence after which an agent is OFFLINE'),
  EUCORA_DEGRADED_CPU_PERCENT: percent
    .default(95)
    .describe('Telemetry at or above it makes an agent DEGRADED'),
  EUCORA_DEGRADED_MEMORY_PERCENT: percent.default(95).describe('As above, for memory'),
  EUCORA_DEGRADED_DISK_PERCENT: percent.default(95).describe('As above, for disk'),
  EUCORA_ALERT_WEBHOOK_URL: optional(z.url({ protocol: /^https?$/ })).describe(
    'Where alerts are delivered; none when empty',
  ),
  EUCORA_ALERT_WEBHOOK_SECRET: optional(z.string().min(16)).describe('Signs alert deliveries (HMAC-SHA256)'),
  EUCORA_OIDC_ISSUER: optional(z.url({ protocol: /^https?$/ })).describe(
    'Issuer of operators’ JWTs; off when empty',
  ),
  EUCORA_OIDC_AUDIENCE: z.string().default('eucora').describe('Audience that operators’ JWTs must name'),
  EUCORA_OIDC_SCOPES_CLAIM: z
    .string()
    .default('eucora_scopes')
    .describe('Claim that lists viewer, operator, approver, admin'),
  EUCORA_OIDC_CLIENT_ID: optional(z.string()).describe(
    'The console’s client id at the issuer; its log-in takes EUCORA_CONSOLE_URL as well',
  ),
  EUCORA_OIDC_CLIENT_SECRET: optional(z.string()).describe('Its secret, where the issuer gave one'),
  EUCORA_CONSOLE_URL: optional(z.url({ protocol: /^https?$/ })).describe(
    'Where browsers reach the operators’ listener, for example https://eucora.example.com',
  ),
  EUCORA_CAB_RISK_THRESHOLD: z.coerce
    .number()
    .int()
    .min(0)
    .max(101)
    .default(50)
    .describe('Risk score from which a deployment needs an approval; 0 for all, 101 for none'),
  EUCORA_DIRECT_DEPLOYS: z
    .enum(['allowed', 'refused'])
    .default('allowed')
    .describe(
      'Whether operators may give agents DEPLOY tasks themselves; refused: packages reach devices by deployments alone',
    ),
  EUCORA_TELEMETRY_RETENTION_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(3_650)
    .default(30)
    .describe('Days of telemetry kept'),
  EUCORA_AUDIT_RETENTION_DAYS: z.coerce
    .number()
    .int()
    .min(31)
    .max(36_500)
    .default(730)
    .describe('Days of audit kept'),
  EUCORA_QUEUE_RETENTION_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(365)
    .default(7)
    .describe('Days that delivered offline-queue items are kept'),
  EUCORA_ENROLMENTS_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(1)
    .default(600)
    .describe('Enrolments a minute from one address'),
  EUCORA_AUTH_FAILURES_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(1)
    .default(60)
    .describe('Failed authentications a minute from one address'),
  EUCORA_REQUESTS_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(1)
    .default(600)
    .describe('Requests a minute from one agent'),
  EUCORA_MAX_ARTIFACT_BYTES: z.coerce
    .number()
    .int()
    .min(1)
    .default(4_294_967_296)
    .describe('Largest artifact that is taken'),
  ...aiSettings,
  ...incidentSettings,
  ...storeSettings,
  ...packagingSettings,
  EUCORA_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Least level that is logged'),
  EUCORA_EXIT_WITH_PARENT: z
    .stringbool()
    .default(false)
    .describe('Stop when standard input closes (set by the embedded stack)'),
});
export type Config = z.infer<typeof configSchema>;

/** Reads settings; throws an Error that names every wrong variable and what it must be. */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const parsed = configSchema.safeParse(environment);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`The configuration is not valid:\n${lines.join('\n')}`);
}
