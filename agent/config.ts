import { readFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { ConfigurationError } from './exit-codes.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';
import { childEnvironment } from './process/environment.ts';
import { hasCode } from './storage/files.ts';
import { defaultHome } from './storage/home.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
const serverUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http(s) URL', abort: true })
  .refine((url) => new URL(url).protocol === 'https:' || LOOPBACK.test(new URL(url).hostname), {
    error:
      'must begin with https://; http:// is taken for this machine only (localhost), since anyone on the way could read the registration key',
  });
const whole = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

/** `config.json` in the home; an environment variable `EUCORA_AGENT_<NAME>` goes before its field. */
const settingsSchema = z.strictObject({
  server: serverUrl.describe('URL of the platform’s agent listener'),
  ca: z
    .string()
    .optional()
    .describe('File with the CA that alone is trusted to sign the server’s certificate'),
  registration_key: z.string().min(1).max(256).optional().describe('Enrolment token'),
  registration_key_file: z.string().optional().describe('File that holds the enrolment token'),
  install_root: z.string().optional().describe('Install packages into this folder, not into the system'),
  hardware_id: z
    .string()
    .regex(/^[A-Za-z0-9._:-]{8,128}$/)
    .optional()
    .describe('Identity of the machine, where it cannot be told from the hardware'),
  concurrency: whole(1, 16).default(1).describe('Tasks worked on at the same time'),
  start_jitter_seconds: z.coerce
    .number()
    .min(0)
    .max(3_600)
    .default(5)
    .describe('Spread of the first heartbeat'),
  stop_grace_seconds: z.coerce
    .number()
    .min(0)
    .max(600)
    .default(10)
    .describe('Time for a running task at stop'),
  queue_max_records: whole(100, 1_000_000)
    .default(10_000)
    .describe('Records kept while the platform is away'),
  queue_max_bytes: whole(65_536, 1e12).default(67_108_864).describe('Bytes kept while the platform is away'),
  artifact_max_bytes: whole(1, 1e15).default(4_294_967_296).describe('Largest artifact that is downloaded'),
  http2: z.stringbool().or(z.boolean()).default(false).describe('Offer HTTP/2'),
  log_level: z.enum(LOG_LEVELS).default('info').describe('Least level that is logged'),
});
type Settings = z.infer<typeof settingsSchema>;

export interface AgentConfig {
  readonly server: string;
  readonly ca: string | undefined;
  readonly registrationKey: string | undefined;
  readonly home: string;
  readonly installRoot: string | undefined;
  readonly hardwareId: string | undefined;
  readonly concurrency: number;
  readonly startJitterMs: number;
  readonly stopGraceMs: number;
  readonly queueMaxRecords: number;
  readonly queueMaxBytes: number;
  readonly artifactMaxBytes: number;
  readonly http2: boolean;
  readonly logLevel: LogLevel;
  /** What programs that the agent starts may see; none of the agent's own secrets. */
  readonly childEnvironment: Readonly<Record<string, string>>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export const variableOf = (name: string): string => `EUCORA_AGENT_${name.toUpperCase()}`;
export const SETTINGS = Object.entries(settingsSchema.shape).map(([name, schema]) => ({
  name,
  variable: variableOf(name),
  description: schema.description ?? '',
}));

function fileSettings(path: string): Record<string, unknown> {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return {};
    throw new ConfigurationError(`${path} cannot be read. Check its owner and mode.`, { cause: error });
  }
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(content));
  } catch {
    throw new ConfigurationError(`${path} is not a JSON object. Correct or remove it.`);
  }
}

function readText(path: string, base: string, variable: string): string {
  const full = isAbsolute(path) ? path : resolve(base, path);
  try {
    return readFileSync(full, 'utf8');
  } catch (error) {
    throw new ConfigurationError(`${variable} names ${full}, which cannot be read.`, { cause: error });
  }
}

function registrationKey(settings: Settings): string | undefined {
  if (settings.registration_key !== undefined) return settings.registration_key;
  const file = settings.registration_key_file;
  if (file === undefined) return undefined;
  const key = readText(file, '.', variableOf('registration_key_file')).trim();
  if (key === '') throw new ConfigurationError(`${file} is empty; it must hold the registration key.`);
  return key;
}

/** Folder of the agent's state; needed before anything else can be read. */
export function homeOf(environment: Environment, platform: NodeJS.Platform): string {
  return resolve(environment[variableOf('home')] || defaultHome(platform));
}

/**
 * Settings from the environment and `config.json` in the home.
 * @throws ConfigurationError that names every wrong setting and what it must be
 */
export function loadConfig(environment: Environment, platform: NodeJS.Platform): AgentConfig {
  const home = homeOf(environment, platform);
  const given = fileSettings(join(home, 'config.json'));
  for (const { name, variable } of SETTINGS) {
    const value = environment[variable];
    if (value !== undefined && value !== '') given[name] = value;
  }
  const parsed = settingsSchema.safeParse(given);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => {
      const name = issue.path.join('.');
      return `  ${name === '' ? join(home, 'config.json') : `${variableOf(name)} (${name} in config.json)`}: ${issue.message}`;
    });
    throw new ConfigurationError(`The agent’s settings are not valid:\n${lines.join('\n')}`);
  }
  const settings = parsed.data;
  return {
    server: settings.server.replace(/\/+$/, ''),
    ca: settings.ca === undefined ? undefined : readText(settings.ca, '.', variableOf('ca')),
    registrationKey: registrationKey(settings),
    home,
    installRoot: settings.install_root === undefined ? undefined : resolve(settings.install_root),
    hardwareId: settings.hardware_id,
    concurrency: settings.concurrency,
    startJitterMs: settings.start_jitter_seconds * 1_000,
    stopGraceMs: settings.stop_grace_seconds * 1_000,
    queueMaxRecords: settings.queue_max_records,
    queueMaxBytes: settings.queue_max_bytes,
    artifactMaxBytes: settings.artifact_max_bytes,
    http2: settings.http2,
    logLevel: settings.log_level,
    childEnvironment: childEnvironment(environment, platform),
  };
}
