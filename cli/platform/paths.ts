import { join, posix, resolve, win32 } from 'node:path';
import { type HostFacts, hostFacts } from '../engines/cache.ts';
import { WORKERS, type WorkerName } from './workers.ts';

/** EUCORA_DATA_DIR, or the user's data folder as the operating system has it. Absolute. */
export function dataDirectory(host: HostFacts = hostFacts()): string {
  const own = host.env['EUCORA_DATA_DIR'];
  if (own !== undefined && own !== '') return resolve(own);
  if (host.platform === 'win32') {
    return win32.join(host.env['LOCALAPPDATA'] ?? win32.join(host.home, 'AppData', 'Local'), 'EUCORA');
  }
  if (host.platform === 'darwin') return posix.join(host.home, 'Library', 'Application Support', 'EUCORA');
  if (host.uid === 0) return '/var/lib/eucora';
  const xdg = host.env['XDG_DATA_HOME'];
  return posix.join(xdg === undefined || xdg === '' ? posix.join(host.home, '.local/share') : xdg, 'eucora');
}

/** The programs the platform consists of. */
export interface PlatformEntries extends Readonly<Record<WorkerName, string>> {
  /** Runs once before the others: migrations, CA, first token, search attributes. */
  readonly setup: string;
  readonly api: string;
}

/** The built programs; also when this file itself runs from its source, in tests. */
export function builtEntries(): PlatformEntries {
  const root = resolve(import.meta.dirname, '../..');
  const dist = import.meta.url.endsWith('.ts') ? join(root, 'dist') : root;
  return {
    setup: join(dist, 'workers/setup/main.js'),
    api: join(dist, 'api/main.js'),
    ...(Object.fromEntries(WORKERS.map(({ name, entry }) => [name, join(dist, entry)])) as Record<
      WorkerName,
      string
    >),
  };
}

export interface DataLayout {
  readonly root: string;
  readonly run: string;
  readonly logs: string;
  readonly postgres: string;
  readonly temporal: string;
  readonly endpoints: string;
  readonly lock: string;
  readonly caCertificate: string;
  readonly adminToken: string;
}

/** Where what lies in the data folder. */
export function layoutOf(root: string): DataLayout {
  return {
    root,
    run: join(root, 'run'),
    logs: join(root, 'logs'),
    postgres: join(root, 'postgres'),
    temporal: join(root, 'temporal'),
    endpoints: join(root, 'endpoints.json'),
    lock: join(root, 'run', 'platform.lock'),
    caCertificate: join(root, 'ca', 'ca.pem'),
    adminToken: join(root, 'admin-token'),
  };
}
