import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writeAtomically } from '../engines/files.ts';
import { type Escalation, identify, isRunning, terminate } from '../engines/processes.ts';
import { note, type Progress, warn } from '../engines/progress.ts';
import { WORKER_NAMES, type WorkerName } from './workers.ts';

export type ProcessName = 'api' | 'temporal' | 'postgres' | WorkerName;
export const PROCESS_NAMES: readonly ProcessName[] = ['api', ...WORKER_NAMES, 'temporal', 'postgres'];

const recordSchema = z.object({ pid: z.number(), startedAt: z.string() });

/** How API and workers are ended; the engines have ways of their own. */
const DRAIN: Escalation = [['SIGTERM', 20_000]];
const CLEAN: Readonly<Partial<Record<ProcessName, Escalation>>> = {
  temporal: [['SIGTERM', 10_000]],
  postgres: [
    ['SIGINT', 20_000],
    ['SIGQUIT', 5_000],
  ],
};

/** Writes down which process runs, for a next start that finds us dead. */
export async function recordProcess(folder: string, name: ProcessName, pid: number): Promise<void> {
  const identity = await identify(pid);
  if (identity !== undefined) await writeAtomically(join(folder, `${name}.json`), JSON.stringify(identity));
}

export async function forgetProcess(folder: string, name: ProcessName): Promise<void> {
  await rm(join(folder, `${name}.json`), { force: true });
}

async function stopOrphan(folder: string, name: ProcessName, progress: Progress): Promise<void> {
  const record = recordSchema.safeParse(await readJson(join(folder, `${name}.json`)));
  if (record.success && (await isRunning(record.data))) {
    note(progress, `stopping ${name} (pid ${record.data.pid}), left over from an earlier start`);
    const gone = await terminate(record.data, [...(CLEAN[name] ?? DRAIN), ['SIGKILL', 5_000]]);
    if (!gone) warn(progress, `${name} (pid ${record.data.pid}) cannot be stopped`);
  }
  await forgetProcess(folder, name);
}

/** Stops what an earlier start, killed hard, left running: first those that use the others. */
export async function stopOrphans(folder: string, progress: Progress): Promise<void> {
  await Promise.all((['api', ...WORKER_NAMES] as const).map((name) => stopOrphan(folder, name, progress)));
  await stopOrphan(folder, 'temporal', progress);
  await stopOrphan(folder, 'postgres', progress);
}
