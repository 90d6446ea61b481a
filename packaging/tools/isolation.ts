import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ToolLimits } from '../context.ts';
import { PackagingError } from '../errors.ts';
import type { ToolSettings } from '../settings.ts';
import { findTool } from './toolbox.ts';

/**
 * A network without any device, and a process tree of its own that ends with its first process: nothing that a tool
 * started outlives it, not even what went into a session of its own.
 */
const NAMESPACES = ['--net', '--pid', '--fork', '--kill-child'];
const WAYS = [NAMESPACES, ['--map-root-user', ...NAMESPACES]];

/** What a machine permits does not change while a worker runs. */
const known = new Map<string, Promise<readonly string[] | undefined>>();

async function probe(unshare: string): Promise<readonly string[] | undefined> {
  for (const way of WAYS) {
    const works = await promisify(execFile)(unshare, [...way, 'true'], { timeout: 10_000 }).then(
      () => true,
      () => false,
    );
    if (works) return way;
  }
  return undefined;
}

/** Arguments of `unshare` that work here, undefined where the machine permits none. */
export async function isolationOf(settings: ToolSettings): Promise<readonly string[] | undefined> {
  const unshare = await findTool(settings, 'unshare').catch(() => undefined);
  if (unshare === undefined) return undefined;
  let way = known.get(unshare);
  if (way === undefined) {
    way = probe(unshare);
    known.set(unshare, way);
  }
  return way;
}

/** The command that runs a tool within its limits and, where possible and wanted, without network. */
export async function confined(
  settings: ToolSettings,
  limits: Pick<ToolLimits, 'memoryBytes' | 'fileBytes'>,
  command: readonly string[],
  network: boolean,
): Promise<readonly string[]> {
  const prlimit = [
    await findTool(settings, 'prlimit'),
    `--as=${limits.memoryBytes}`,
    `--fsize=${limits.fileBytes}`,
    '--core=0',
    '--nofile=4096',
    ...command,
  ];
  if (network) return prlimit;
  const way = await isolationOf(settings);
  if (way !== undefined) return [await findTool(settings, 'unshare'), ...way, ...prlimit];
  if (settings.isolation === 'required') {
    throw new PackagingError(
      'isolation-unavailable',
      'This worker may not make namespaces, so tools could reach the network. Permit user namespaces, or set EUCORA_PACKAGING_ISOLATION=preferred',
    );
  }
  return prlimit;
}
