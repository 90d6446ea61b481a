import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import type { ToolContext } from '../context.ts';
import { machineTrouble, PackagingError } from '../errors.ts';
import { spawned } from './spawned.ts';
import { findTool } from './toolbox.ts';

/** What `flock` answers when somebody else holds the folder and it may not wait. */
const HELD_BY_ANOTHER = 1;
/** Says that it has the lock, and holds it until our end of its input is closed, by us or by our death. */
const HOLD = ['sh', '-c', 'echo held; exec cat'];

/**
 * Does `work` while nobody else does with the same folder, in this worker or any other that shares it. The kernel takes
 * the lock from whoever dies with it.
 *
 * @param onWait told when another one holds it
 * @throws PackagingError; or the signal's reason
 */
export async function withFolderLock<T>(
  ctx: ToolContext,
  folder: string,
  onWait: () => void,
  work: () => Promise<T>,
): Promise<T> {
  let release = await take(ctx, folder, ['--nonblock']);
  if (release === undefined) {
    onWait();
    release = await take(ctx, folder, []);
  }
  if (release === undefined)
    throw new PackagingError('worker-busy', `${folder} could not be locked just now`);
  try {
    return await work();
  } finally {
    await release();
  }
}

/** @returns what gives it back; undefined when it was not to be had */
async function take(
  ctx: ToolContext,
  folder: string,
  how: readonly string[],
): Promise<(() => Promise<void>) | undefined> {
  ctx.signal.throwIfAborted();
  const flock = await findTool(ctx.settings, 'flock');
  const failure = (error: unknown): Error => {
    ctx.signal.throwIfAborted();
    return machineTrouble(error, `${folder} could not be locked`) ?? notNow(folder, error);
  };
  const holder = (await spawned(
    flock,
    [...how, '--conflict-exit-code', String(HELD_BY_ANOTHER), folder, ...HOLD],
    { env: { PATH: ctx.settings.path.join(':') }, signal: ctx.signal },
    failure,
  )) as ChildProcessWithoutNullStreams;
  holder.stdin.on('error', () => undefined);
  let words = '';
  holder.stderr.on('data', (part: Buffer) => {
    words = `${words}${part}`.slice(0, 500);
  });
  const ended = once(holder, 'close').catch((error: unknown) => {
    throw failure(error);
  });
  const held = once(holder.stdout, 'data').then(() => true as const);
  const outcome = await Promise.race([held, ended]);
  if (outcome !== true) {
    const [code, signal] = outcome;
    if (code === HELD_BY_ANOTHER) return undefined;
    throw notNow(folder, new Error(`flock ended with ${code ?? signal}: ${words.trim()}`));
  }
  return async () => {
    holder.stdin.end();
    await ended.catch(() => undefined);
  };
}

const notNow = (folder: string, cause: unknown): PackagingError =>
  new PackagingError('worker-busy', `${folder} could not be locked just now (${(cause as Error).message})`, {
    cause,
  });
