import { z } from 'zod';
import { AI_PROVIDERS } from './incident/ai.ts';
import { incidentSettings } from './incident/settings.ts';

/**
 * All settings of API and workers, by environment variable. `docs/operations/configuration.md` is held against
 * this schema by a test. Temporal's own variables (`TEMPORAL_*`) are read by Temporal's library.
 */
const port = z.coerce.number().int().min(0).max(65_535);
const seconds = z.coerce.number().int().min(1);
const percent = z.coerce.number().min(0).max(100);
const httpUrl = z.url({ protocol: /^https?$/ });
const list = z
  .string()
  .default('')
  .transform((value) =>
    value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );
/** An empty variable counts as unset, as in compose files. */
const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());

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
  EUCORA_AI_PROVIDERS: z
    .string()
    .default('offline')
    .transform((value) => value.split(',').map((item) => item.trim()))
    .pipe(z.array(z.enum(AI_PROVIDERS)).min(1))
    .describe(
      'Who explains incidents, in the order in which they are asked: openai, azure, compatible, offline',
    ),
  EUCORA_AI_OPENAI_API_KEY: optional(z.string()).describe('Key for OpenAI'),
  EUCORA_AI_OPENAI_BASE_URL: optional(httpUrl).describe('Another address of OpenAI, as of a gateway'),
  EUCORA_AI_OPENAI_MODEL: z.string().min(1).default('gpt-4.1-mini').describe('Model at OpenAI'),
  EUCORA_AI_AZURE_ENDPOINT: optional(httpUrl).describe(
    'Azure OpenAI resource, as https://NAME.openai.azure.com',
  ),
  EUCORA_AI_AZURE_DEPLOYMENT: optional(z.string()).describe('Name of the deployment at Azure OpenAI'),
  EUCORA_AI_AZURE_API_VERSION: z
    .string()
    .min(1)
    .default('2024-10-21')
    .describe('API version of Azure OpenAI'),
  EUCORA_AI_AZURE_API_KEY: optional(z.string()).describe('Key for Azure OpenAI'),
  EUCORA_AI_AZURE_TOKEN_FILE: optional(z.string()).describe(
    'File with an Entra access token instead of a key; read at each call, for tokens are renewed',
  ),
  EUCORA_AI_COMPATIBLE_URL: optional(httpUrl).describe(
    'Base URL of an OpenAI-compatible server (vLLM, Ollama, LM Studio), as http://127.0.0.1:11434/v1',
  ),
  EUCORA_AI_COMPATIBLE_MODEL: optional(z.string()).describe('Model at that server'),
  EUCORA_AI_COMPATIBLE_API_KEY: optional(z.string()).describe('Key for that server, where it wants one'),
  EUCORA_AI_DAILY_TOKENS: z.coerce
    .number()
    .int()
    .min(0)
    .default(1_000_000)
    .describe('Tokens that may be spent a day (UTC), a provider'),
  EUCORA_AI_MAX_ANSWER_TOKENS: z.coerce
    .number()
    .int()
    .min(64)
    .max(16_384)
    .default(1_500)
    .describe('Longest answer that is asked for'),
  EUCORA_AI_TIMEOUT_SECONDS: seconds.default(30).describe('Wait for one answer'),
  EUCORA_AI_CACHE_HOURS: z.coerce
    .number()
    .int()
    .min(0)
    .max(8_760)
    .default(24)
    .describe('How long the answer for a failure is taken for the next one like it'),
  EUCORA_AI_CONFIDENCE_THRESHOLD: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(0.7)
    .describe('Below it an incident goes to a person with nothing preselected'),
  EUCORA_AI_REDACT_IP_ADDRESSES: z
    .stringbool()
    .default(false)
    .describe('Take addresses of machines out of what is sent to models'),
  ...incidentSettings,
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
