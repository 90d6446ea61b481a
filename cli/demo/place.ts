import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { exists, makeDirectory } from '../engines/files.ts';
import { type Environment, setting } from '../platform/environment.ts';
import { layoutOf } from '../platform/paths.ts';

const mark = (dataDir: string): string => join(dataDir, 'demo');

const holdsPlatform = (dataDir: string): Promise<boolean> => exists(layoutOf(dataDir).run);

/** Whether a demo ran there: its mark is a plain folder, unlike a demo's whole platform in the same place. */
async function isDemos(dataDir: string): Promise<boolean> {
  return (await exists(mark(dataDir))) && !(await holdsPlatform(mark(dataDir)));
}

/**
 * Where the demo keeps its platform: EUCORA_DATA_DIR, else `demo` in the user's data folder. Never beside somebody's
 * real platform: `movedFrom` is the folder that was asked for and holds one.
 */
export async function demoPlace(
  env: Environment,
  standard: string,
): Promise<{ readonly dataDir: string; readonly movedFrom?: string }> {
  const own = setting(env, 'EUCORA_DATA_DIR');
  if (own === undefined) return { dataDir: join(standard, 'demo') };
  const dataDir = resolve(own);
  if (!(await holdsPlatform(dataDir)) || (await isDemos(dataDir))) return { dataDir };
  return { dataDir: join(dataDir, 'demo-platform'), movedFrom: dataDir };
}

/** Makes the folder and the mark by which a next demo knows it. @returns the mark, a folder for what the demo makes */
export async function markAsDemo(dataDir: string): Promise<string> {
  await makeDirectory(dataDir, process.getuid?.() === 0 ? 0o711 : 0o700);
  await mkdir(mark(dataDir), { recursive: true, mode: 0o700 });
  return mark(dataDir);
}

const FOREIGN = [
  'DATABASE_URL',
  'EUCORA_ALERT_WEBHOOK_URL',
  'EUCORA_ALERT_WEBHOOK_SECRET',
  'EUCORA_AGENT_PROXY_PORT',
  'EUCORA_TRUSTED_PROXIES',
  'EUCORA_TLS_TICKET_KEYS_FILE',
  'EUCORA_OIDC_ISSUER',
];

/** Unsets what a shell exports for another platform: the demo runs on its own engines and tells nobody. */
export function withoutForeign(env: Environment): Environment {
  const temporal = Object.keys(env).filter((name) => /^TEMPORAL_/.test(name) && name !== 'TEMPORAL_CLI_PATH');
  return Object.fromEntries([...FOREIGN, ...temporal].map((name) => [name, '']));
}
