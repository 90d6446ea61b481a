import { join } from 'node:path';
import { type PlatformOptions, type RunningPlatform, startPlatform } from '../../../cli/platform/start.ts';
import type { BenchContext } from '../bench.ts';

/** The whole embedded platform on free ports, its data in a folder of the bench's own. */
export async function startBenchPlatform(
  { progress, cleanup, signal }: BenchContext,
  folder: string,
  options: Pick<PlatformOptions, 'env' | 'postgresSettings'> = {},
): Promise<RunningPlatform> {
  const platform = await startPlatform({
    ...options,
    dataDir: join(folder, 'platform'),
    ports: { operator: 0, agent: 0, postgres: 0, temporal: 0, temporalUi: 0, workerHealth: 0 },
    progress,
    signal,
  });
  cleanup.add(() => platform.stop());
  return platform;
}
