import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { updatePayload } from '../../contracts/agent-task/payload.ts';
import type { Downloader } from '../deploy/download.ts';
import { ensurePrivateDirectory } from '../storage/files.ts';
import type { UpdateState } from '../update/state.ts';
import { VERSION_PATTERN } from '../version.ts';
import { completed, type Executor, payloadOf } from './executor.ts';

export interface UpdateOptions {
  readonly downloader: Downloader;
  readonly state: UpdateState;
  /** The one that runs. */
  readonly version: string;
  /** Whether a launcher watches over this process; without one nobody could roll back. */
  readonly supervised: boolean;
}

/** UPDATE: fetches the new version and asks the launcher to try it; who runs afterwards tells how it went. */
export function updateExecutor({ downloader, state, supervised, version: running }: UpdateOptions): Executor {
  return async ({ task, signal, progress }) => {
    const { version, artifact, health_timeout_seconds } = payloadOf(updatePayload, task);
    if (version === running) return completed({ version, previous_version: version, already_running: true });
    if (!VERSION_PATTERN.test(version)) throw new Error(`${version} cannot be a version of the agent`);
    if (!supervised)
      throw new Error('This agent runs without its launcher and cannot update itself; start it by "run"');
    progress(0, `Downloading version ${version}`);
    const path = await downloader.fetch({ artifact, taskId: task.id, signal, onProgress: () => undefined });
    const file = state.file(version);
    await ensurePrivateDirectory(dirname(file));
    await rename(path, file);
    progress(50, `Trying version ${version}`);
    signal.throwIfAborted();
    await state.setUpdate({
      task_id: task.id,
      from: running,
      to: version,
      sha256: artifact.sha256,
      health_timeout_seconds,
      state: 'requested',
      attempts: 0,
    });
    return { word: 'handover' };
  };
}
