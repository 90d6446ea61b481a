import { join } from 'node:path';
import { ensurePrivateDirectory } from './files.ts';

/** Where everything lies in the agent's home directory. */
export interface Home {
  readonly root: string;
  readonly config: string;
  readonly identity: string;
  readonly nextIdentity: string;
  readonly reenrolment: string;
  readonly queue: string;
  readonly tasks: string;
  readonly downloads: string;
  readonly scratch: string;
  readonly versions: string;
  readonly installRoot: string;
  readonly current: string;
  readonly update: string;
  readonly healthy: string;
  readonly telemetry: string;
  readonly launcherLock: string;
  readonly workerLock: string;
}

const LINUX = '/var/lib/eucora-agent';

/** The directory that the agent specification names for the operating system. */
export function defaultHome(platform: NodeJS.Platform): string {
  if (platform === 'win32') return 'C:\\ProgramData\\EUCORA\\Agent';
  return platform === 'darwin' ? '/Library/Application Support/EUCORA/Agent' : LINUX;
}

export function homeAt(root: string): Home {
  return {
    root,
    config: join(root, 'config.json'),
    identity: join(root, 'identity.json'),
    nextIdentity: join(root, 'identity.next.json'),
    reenrolment: join(root, 'reenrolment.json'),
    queue: join(root, 'queue'),
    tasks: join(root, 'tasks'),
    downloads: join(root, 'downloads'),
    scratch: join(root, 'scratch'),
    versions: join(root, 'versions'),
    installRoot: join(root, 'root'),
    current: join(root, 'current.json'),
    update: join(root, 'update.json'),
    healthy: join(root, 'healthy.json'),
    telemetry: join(root, 'telemetry.json'),
    launcherLock: join(root, 'launcher.lock'),
    workerLock: join(root, 'worker.lock'),
  };
}

/** Makes the home and its folders, all private to the agent's user. */
export async function prepareHome(home: Home): Promise<void> {
  for (const path of [home.root, home.queue, home.tasks, home.downloads, home.scratch, home.versions]) {
    await ensurePrivateDirectory(path);
  }
}
