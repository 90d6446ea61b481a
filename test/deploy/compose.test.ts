import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { configSchema } from '../../contracts/config.ts';

const ROOT = join(import.meta.dirname, '../..');
const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
const service = z.object({
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string().nullable()).default({}),
  volumes: z.array(z.string()).default([]),
  image: z.string(),
});
const file = z.object({ services: z.record(z.string(), service) }).parse(parse(text, { merge: true }));
const platform = Object.entries(file.services).filter(([name]) =>
  ['setup', 'api', 'worker', 'packaging', 'ai'].includes(name),
);

/** As compose fills it in: names without a value are there only when this machine sets them. */
function environmentOf(
  environment: Readonly<Record<string, string | null>>,
  settings: Readonly<Record<string, string>>,
): Record<string, string> {
  const known = Object.entries(environment).flatMap(([name, value]): [string, string][] => {
    const given = value === null ? settings[name] : filled(value, settings);
    return given === undefined ? [] : [[name, given]];
  });
  return Object.fromEntries(known);
}

/** With this machine's settings, else the default, else empty. */
function filled(value: string, settings: Readonly<Record<string, string>>): string {
  return value.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind?: string, rest?: string) => {
    const set = settings[name];
    if (set !== undefined) return set;
    if (kind === '?') throw new Error(`${name} is not set`);
    return kind === '-' ? (rest ?? '') : '';
  });
}

const SETTINGS = { POSTGRES_PASSWORD: 'one', EUCORA_DB_PASSWORD: 'two', TEMPORAL_DB_PASSWORD: 'three' };

test.each(platform)(
  'the environment of %s is a valid configuration, and no variable is unknown',
  (_, { environment }) => {
    const names = Object.keys(environment).filter((name) => !name.startsWith('TEMPORAL_'));
    expect(names.filter((name) => !(name in configSchema.shape))).toEqual([]);
    const parsed = configSchema.safeParse(environmentOf(environment, SETTINGS));
    expect(parsed.error?.issues ?? []).toEqual([]);
    expect(environment).toMatchObject({ TEMPORAL_ADDRESS: 'temporal:7233', TEMPORAL_NAMESPACE: 'default' });
  },
);

/** What the containers are built around: fixed inside, or nothing to set there. */
const FIXED = new Set([
  'DATABASE_URL',
  'EUCORA_DATA_DIR',
  'EUCORA_TLS_TICKET_KEYS_FILE',
  'EUCORA_OPERATOR_HOST',
  'EUCORA_OPERATOR_PORT',
  'EUCORA_AGENT_HOST',
  'EUCORA_AGENT_PORT',
  'EUCORA_WORKER_HEALTH_HOST',
  'EUCORA_WORKER_HEALTH_PORT',
  'EUCORA_STORE_DIR',
  'EUCORA_PACKAGING_DIR',
  // In the image of the packaging worker, or in its folder.
  'EUCORA_PACKAGING_PATH',
  'EUCORA_EVIDENCE_CERTIFICATE_FILE',
  'EUCORA_EVIDENCE_KEY_FILE',
  'EUCORA_TRIVY_CACHE_DIR',
  'EUCORA_OSV_DATABASE_DIR',
  'TRIVY_PATH',
  'OSV_SCANNER_PATH',
  'EUCORA_EXIT_WITH_PARENT',
]);
/** What only the API reads. */
const OF_THE_API =
  /TLS_NAMES|AGENT_PROXY|TRUSTED_PROXIES|OIDC|CONSOLE|TEMPORAL_UI|ENROLMENTS|AUTH_FAILURES|REQUESTS_PER/;
/** What only the control plane's worker reads. */
const OF_THE_WORKER = /^EUCORA_WORKER_(CACHED|WORKFLOW|POLLERS)/;
const OF_PACKAGING = /PACKAGING_|SIGNING_KEYS|SOURCE_ALLOWED|TIMESTAMP|SCAN|TRIVY|POLICY_FLOOR/;

const reads = (program: string, name: string): boolean => {
  if (OF_THE_API.test(name)) return program === 'api';
  if (OF_THE_WORKER.test(name)) return program === 'worker';
  if (OF_PACKAGING.test(name)) return program === 'packaging';
  return name !== 'EUCORA_MAX_ARTIFACT_BYTES' || program === 'api' || program === 'packaging';
};

/** What only the worker reads that asks providers. */
const OF_THE_AI_WORKER = /^EUCORA_AI_/;

test.each(Object.keys(configSchema.shape).filter((name) => !FIXED.has(name)))(
  '%s is handed through to those who read it, and keeps its default otherwise',
  (name) => {
    for (const [program, { environment }] of platform) {
      if (program !== 'ai' && OF_THE_AI_WORKER.test(name)) {
        // Keys of providers are nobody else's.
        expect(environment).not.toHaveProperty(name);
        continue;
      }
      if (!reads(program, name)) continue;
      expect(environmentOf(environment, { ...SETTINGS, [name]: 'given' })).toMatchObject({ [name]: 'given' });
      if (name === 'EUCORA_AGENT_PROXY_HOST') continue;
      expect(environmentOf(environment, SETTINGS)).not.toHaveProperty(name);
    }
  },
);

test('every password is asked for in the example of .env', () => {
  const example = readFileSync(join(ROOT, 'deploy/env.example'), 'utf8');
  for (const name of Object.keys(SETTINGS)) expect(example).toContain(`\n${name}=\n`);
});

test('setup, API and workers are all there and run what the build makes', () => {
  expect(platform.map(([name]) => name).sort()).toEqual(['ai', 'api', 'packaging', 'setup', 'worker']);
  for (const [, { command = [] }] of platform) {
    const source = (command.at(-1) ?? '').replace(/^dist\//, '').replace(/\.js$/, '.ts');
    expect(statSync(join(ROOT, source)).isFile()).toBe(true);
  }
});

test('the workers do not get at the CA key', () => {
  const mounts = Object.fromEntries(
    platform.map(([name, { volumes }]) => [name, volumes.map((volume) => volume.split(':')[0])]),
  );
  const all = ['data', 'store', 'packaging'];
  expect(mounts).toEqual({ setup: all, api: all, worker: [], packaging: ['store', 'packaging'], ai: [] });
});

test('without passwords of one’s own nothing starts', () => {
  const secrets = Object.values(file.services).flatMap(({ environment }) =>
    Object.entries(environment).filter(([name]) => /PASSWORD|PWD|DATABASE_URL/.test(name)),
  );
  expect(secrets.length).toBeGreaterThan(4);
  for (const [, value] of secrets) expect(() => filled(value ?? '', {})).toThrow('is not set');
});

test('every mounted file exists, and images carry a version', () => {
  for (const { volumes, image } of Object.values(file.services)) {
    for (const volume of volumes.filter((entry) => entry.startsWith('./'))) {
      expect(statSync(join(ROOT, volume.split(':')[0] ?? '')).isFile()).toBe(true);
    }
    expect(image).toMatch(/:\S+$/);
    expect(image).not.toMatch(/:latest$/);
  }
});

test('a compose client, where there is one, takes the file', async () => {
  const run = promisify(execFile);
  const env = { ...process.env, ...SETTINGS };
  const clients = [['docker', 'compose'], ['docker-compose']] as const;
  for (const [program, ...sub] of clients) {
    const there = await run(program, [...sub, 'version']).catch(() => undefined);
    if (there === undefined) continue;
    await run(program, [...sub, '-f', join(ROOT, 'docker-compose.yml'), 'config', '--quiet'], { env });
    return;
  }
});
