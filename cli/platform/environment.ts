import { join } from 'node:path';
import type { DataLayout } from './paths.ts';
import { WORKERS, type Worker } from './workers.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export type PlatformPorts = Readonly<
  Record<'operator' | 'agent' | 'postgres' | 'temporal' | 'temporalUi' | Worker['port'], number>
>;

type Port = readonly [variable: string, standard: number];

const PORTS: Readonly<Record<Exclude<keyof PlatformPorts, Worker['port']>, Port>> = {
  operator: ['EUCORA_OPERATOR_PORT', 8080],
  agent: ['EUCORA_AGENT_PORT', 8443],
  postgres: ['EUCORA_POSTGRES_PORT', 54_329],
  temporal: ['EUCORA_TEMPORAL_PORT', 7233],
  temporalUi: ['EUCORA_TEMPORAL_UI_PORT', 8233],
};

function portOf(name: keyof PlatformPorts): Port {
  const worker = WORKERS.find(({ port }) => port === name);
  return worker === undefined ? PORTS[name as keyof typeof PORTS] : [worker.variable, worker.standard];
}

/** The value of a variable; an empty one counts as unset. */
export function setting(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === '' ? undefined : value;
}

/** The port we would like to have: given, from the environment, or the standard one. @throws RangeError */
export function preferredPort(
  name: keyof PlatformPorts,
  given: Partial<PlatformPorts>,
  env: Environment,
): number {
  const [variable, standard] = portOf(name);
  const value = given[name] ?? Number(setting(env, variable) ?? standard);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) {
    throw new RangeError(`${variable} is no port: ${setting(env, variable) ?? value}`);
  }
  return value;
}

export interface ChildFacts {
  readonly layout: DataLayout;
  /** `workerHealth` is that of the worker whose environment it is. */
  readonly ports: Pick<PlatformPorts, 'operator' | 'agent' | 'workerHealth'>;
  readonly operatorHost: string;
  readonly agentHost: string;
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly temporalUi: string | null;
  /** Our own development server, for which nobody's TLS settings or API keys are meant. */
  readonly ownTemporal: boolean;
}

const FOREIGN_TEMPORAL = /^TEMPORAL_(TLS|API_KEY|PROFILE|GRPC_META|CODEC)/;

/** The environment of setup, API and workers. An empty value counts as unset. */
export function childEnvironment(env: Environment, facts: ChildFacts): Environment {
  const inherited = Object.fromEntries(
    Object.entries(env).filter(
      ([name, value]) => value !== '' && !(facts.ownTemporal && FOREIGN_TEMPORAL.test(name)),
    ),
  );
  return {
    EUCORA_LOG_LEVEL: 'info',
    ...inherited,
    DATABASE_URL: facts.databaseUrl,
    TEMPORAL_ADDRESS: facts.temporalAddress,
    ...(facts.temporalUi === null ? {} : { TEMPORAL_UI_URL: facts.temporalUi }),
    // The user's own profile file may hold keys for another server.
    ...(facts.ownTemporal ? { TEMPORAL_CONFIG_FILE: join(facts.layout.temporal, 'client.toml') } : {}),
    EUCORA_DATA_DIR: facts.layout.root,
    EUCORA_OPERATOR_HOST: facts.operatorHost,
    EUCORA_OPERATOR_PORT: String(facts.ports.operator),
    EUCORA_AGENT_HOST: facts.agentHost,
    EUCORA_AGENT_PORT: String(facts.ports.agent),
    EUCORA_WORKER_HEALTH_HOST: '127.0.0.1',
    EUCORA_WORKER_HEALTH_PORT: String(facts.ports.workerHealth),
  };
}

/** The host to call for a listener: one that listens everywhere is called on loopback. */
export function callableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
