import { type ExecFileException, execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ToolContext } from '../context.ts';
import { machineTrouble, PackagingError } from '../errors.ts';
import type { ToolReport } from '../results.ts';
import type { ToolSettings } from '../settings.ts';
import { hadNoRoom } from './no-process.ts';
import { type Sight, sandboxArguments, TELLS_STATUS } from './sandbox.ts';
import { findTool } from './toolbox.ts';

/** How far tools are cut off here, with what that takes. */
type Way =
  | { readonly isolation: 'sandbox'; readonly program: string }
  | {
      readonly isolation: 'namespaces';
      readonly program: string;
      readonly rights: readonly string[];
      readonly unsure: boolean;
    }
  | {
      readonly isolation: 'none';
      /** Not all that is better could be tried. */
      readonly unsure: boolean;
    };

/** A network without any device. */
const NO_NETWORK = ['--net'];
/**
 * A process tree of its own that ends with its first process: nothing that a tool started outlives it, not even what
 * went into a session of its own.
 */
const OWN_PROCESSES = ['--pid', '--fork', '--kill-child'];
/** To root, or to users. */
const RIGHTS = [[], ['--map-root-user']];
/** Whether bubblewrap may do all that is asked of it later. */
const SANDBOX_PROBE = [
  ...[
    '--unshare-net',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--die-with-parent',
    '--cap-drop',
    'ALL',
    TELLS_STATUS,
    // Where `true` says nothing: bubblewrap's child closes it, and must be able to say what it lacks.
    '1',
  ],
  ...['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp', '--', 'true'],
];

/**
 * The best way that the programs here allow, once it has worked; whatever is less is tried again each time, for a slow
 * moment of the machine must not leave tools uncovered for the worker's life.
 */
const known = new Map<string, Promise<Way>>();

/** `unsure`: it took too long, was killed, or the machine had no room for it. */
type Trial = 'works' | 'refused' | 'unsure';

const trial = (program: string, args: readonly string[]): Promise<Trial> =>
  promisify(execFile)(program, [...args], { timeout: 10_000 }).then(
    () => 'works',
    (error: ExecFileException) =>
      // What takes too long is ended by a signal, and so is what asks for calls that this machine forbids.
      (error.signal != null && error.signal !== 'SIGSYS') ||
      machineTrouble(error, '') !== undefined ||
      hadNoRoom(error.stderr ?? '')
        ? 'unsure'
        : 'refused',
  );

async function probe(sandbox: string | undefined, unshare: string | undefined): Promise<Way> {
  const trials: Trial[] = [];
  const works = async (program: string, args: readonly string[]): Promise<boolean> => {
    const outcome = await trial(program, args);
    trials.push(outcome);
    return outcome === 'works';
  };
  if (sandbox !== undefined && (await works(sandbox, SANDBOX_PROBE)))
    return { isolation: 'sandbox', program: sandbox };
  const unsure = (): boolean => trials.includes('unsure');
  if (unshare !== undefined) {
    for (const rights of RIGHTS)
      if (await works(unshare, [...rights, ...NO_NETWORK, ...OWN_PROCESSES, 'true']))
        return { isolation: 'namespaces', program: unshare, rights, unsure: unsure() };
  }
  return { isolation: 'none', unsure: unsure() };
}

async function wayOf(settings: ToolSettings): Promise<Way> {
  const find = (name: 'bwrap' | 'unshare') => findTool(settings, name).catch(() => undefined);
  const [sandbox, unshare] = await Promise.all([find('bwrap'), find('unshare')]);
  const key = JSON.stringify([sandbox, unshare]);
  let way = known.get(key);
  if (way === undefined) {
    way = probe(sandbox, unshare);
    known.set(key, way);
    const best = sandbox === undefined ? 'namespaces' : 'sandbox';
    if ((await way).isolation !== best) known.delete(key);
  }
  return way;
}

/** How far tools are cut off on this machine. */
export const isolationOf = async (settings: ToolSettings): Promise<ToolReport['isolation']> =>
  (await wayOf(settings)).isolation;

/** What tools could reach here that they should not, and what to do; undefined when they are in a sandbox. */
export async function isolationProblem(settings: ToolSettings): Promise<string | undefined> {
  const isolation = await isolationOf(settings);
  if (isolation === 'sandbox') return undefined;
  if (isolation === 'none' && settings.isolation === 'required') return UNAVAILABLE;
  const open = isolation === 'none' ? 'files, processes and network' : 'files';
  return `Packaging tools reach the ${open} that this worker's user can: install bubblewrap, and permit user namespaces`;
}

const UNAVAILABLE =
  'This worker may not make namespaces, so tools could reach network and processes. Install bubblewrap and permit user namespaces, or set EUCORA_PACKAGING_ISOLATION=preferred';

export interface Confinement extends Omit<Sight, 'command'> {
  /** An operator's own command, which may need sockets and files that only the operator knows. */
  readonly unconfined: boolean;
}

/** The command that runs a tool within its limits and, as far as the machine permits, cut off from all else. */
export async function confined(
  ctx: ToolContext,
  command: readonly string[],
  { unconfined, ...sight }: Confinement,
): Promise<readonly [program: string, ...args: string[]]> {
  const { settings, limits } = ctx;
  const limited: [string, ...string[]] = [
    await findTool(settings, 'prlimit'),
    `--as=${limits.memoryBytes}`,
    `--fsize=${limits.fileBytes}`,
    '--core=0',
    '--nofile=4096',
    ...command,
  ];
  if (unconfined) return limited;
  const way = await wayOf(settings);
  if (way.isolation === 'sandbox')
    return [way.program, ...(await sandboxArguments(ctx, { ...sight, command })), ...limited];
  // Whatever is less is for machines that permit no more, which a slow moment does not say of this one.
  if (way.unsure)
    throw new PackagingError(
      'worker-busy',
      'Whether tools can be cut off here could not be found out just now',
    );
  if (way.isolation === 'namespaces') {
    const cutOff = sight.network ? OWN_PROCESSES : [...NO_NETWORK, ...OWN_PROCESSES];
    return [way.program, ...way.rights, ...cutOff, ...limited];
  }
  if (settings.isolation === 'required') throw new PackagingError('isolation-unavailable', UNAVAILABLE);
  return limited;
}
