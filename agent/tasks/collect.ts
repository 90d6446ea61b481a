import { collectPayload } from '../../contracts/agent-task/payload.ts';
import type { Software } from '../../contracts/telemetry/telemetry.ts';
import { completed, type Executor, payloadOf } from './executor.ts';

export interface CollectSources {
  readonly system: () => Promise<Record<string, unknown>>;
  readonly software: () => Promise<Software[]>;
  readonly telemetry: () => Promise<Record<string, unknown>>;
}

/** Leaves room for the rest of a result within its 1 MiB. */
const MAX_SOFTWARE_BYTES = 900_000;

function bounded(software: readonly Software[]): { list: Software[]; truncated: boolean } {
  let bytes = 0;
  const end = software.findIndex((item) => {
    bytes += Buffer.byteLength(JSON.stringify(item)) + 1;
    return bytes > MAX_SOFTWARE_BYTES;
  });
  return end < 0
    ? { list: [...software], truncated: false }
    : { list: software.slice(0, end), truncated: true };
}

/** COLLECT: looks at the machine and tells what it finds; changes nothing. */
export function collectExecutor(sources: CollectSources): Executor {
  return async ({ task, signal, progress }) => {
    const { collect } = payloadOf(collectPayload, task);
    const result: Record<string, unknown> = {};
    for (const [index, what] of [...new Set(collect)].entries()) {
      signal.throwIfAborted();
      progress(Math.round((100 * index) / collect.length), `Collecting ${what}`);
      if (what === 'installed_software') {
        const software = await sources.software();
        const { list, truncated } = bounded(software);
        result['installed_software'] = list;
        result['installed_software_count'] = software.length;
        result['installed_software_truncated'] = truncated;
      } else {
        result[what] = await sources[what]();
      }
    }
    return completed(result);
  };
}
