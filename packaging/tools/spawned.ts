import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * A program that has begun. Awaited before anything else is done with it: an error that is told while nobody listens would
 * end the worker.
 *
 * @param failure what to throw where it does not begin
 */
export async function spawned(
  program: string,
  args: readonly string[],
  options: SpawnOptions,
  failure: (error: unknown) => Error,
): Promise<ChildProcess> {
  try {
    const child = spawn(program, args, options);
    await once(child, 'spawn');
    return child;
  } catch (error) {
    throw failure(error);
  }
}
