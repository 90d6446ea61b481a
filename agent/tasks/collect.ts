import { collectPayload } from '../../contracts/agent-task/payload.ts';
import type { Software } from '../../contracts/telemetry/telemetry.ts';
import { completed, type Executor, payloadOf } from './executor.ts';

export interface CollectSources {
  readonly system: () => Promise<Record<string, unknown>>;
  readonly software: () => Promise<Software[]>;
  readonly telemetry: () => Promise<Record<string, unknown>>;
}

/** Of the result as a whole; the platform takes 1 MiB. */
const MAX_RESULT_BYTES = 1_000_000;
const MAX_PART_BYTES = 400_000;

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** As many of the first items as fit. */
function fitting<T>(list: readonly T[], maxBytes: number): T[] {
  let bytes = 2;
  const end = list.findIndex((item) => {
    bytes += bytesOf(item) + 1;
    return bytes > maxBytes;
  });
  return end < 0 ? [...list] : list.slice(0, end);
}

/** A part of the result within its bound: first its list of services is cut, then all of it left out. */
function bounded(what: string, part: Record<string, unknown>): Record<string, unknown> {
  if (bytesOf(part) <= MAX_PART_BYTES) return { [what]: part };
  const { services, ...rest } = part;
  const room = MAX_PART_BYTES - bytesOf(rest);
  return Array.isArray(services) && room > 0
    ? { [what]: { ...rest, services: fitting(services, room) }, [`${what}_truncated`]: true }
    : { [what]: {}, [`${what}_truncated`]: true };
}

/** COLLECT: looks at the machine and tells what it finds; changes nothing. */
export function collectExecutor(sources: CollectSources): Executor {
  return async ({ task, signal, progress }) => {
    const { collect } = payloadOf(collectPayload, task);
    const wanted = [...new Set(collect)];
    let result: Record<string, unknown> = {};
    let software: Software[] | undefined;
    for (const [index, what] of wanted.entries()) {
      signal.throwIfAborted();
      progress(Math.round((100 * index) / wanted.length), `Collecting ${what}`);
      if (what === 'installed_software') software = await sources.software();
      else result = { ...result, ...bounded(what, await sources[what]()) };
    }
    if (software !== undefined) {
      const list = fitting(software, MAX_RESULT_BYTES - bytesOf(result) - 200);
      result['installed_software'] = list;
      result['installed_software_count'] = software.length;
      result['installed_software_truncated'] = list.length < software.length;
    }
    return completed(result);
  };
}
