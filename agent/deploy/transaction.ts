import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResult } from '../process/run.ts';
import type { Tools } from '../system/tools.ts';

/** Far longer than packages take; a tool that hangs must not hold the agent for ever. */
const INSTALL_LIMIT_MS = 7_200_000;

/**
 * Runs a package tool to its own end. Once it runs, neither a stop of the task nor the end of the agent ends it:
 * what is cut off in the middle leaves packages half configured. It prints to a file, since a pipe to an agent
 * that died would break it.
 */
export async function runTransaction(
  tools: Tools,
  scratch: string,
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<RunResult | undefined> {
  const directory = await mkdtemp(join(scratch, 'install-'));
  try {
    const outputFile = join(directory, 'output');
    return await tools.run(command, args, { timeLimitMs: INSTALL_LIMIT_MS, outputFile, env });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
