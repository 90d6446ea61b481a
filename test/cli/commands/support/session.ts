import type { Input, Io, PlatformRunner } from '../../../../cli/client/io.ts';
import { run } from '../../../../cli/commands/run.ts';
import { type FakePlatform, TOKEN } from './platform.ts';
import { NOW } from './samples.ts';

export interface SessionOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: readonly string[];
  readonly tty?: boolean;
  readonly columns?: number;
  readonly signal?: AbortSignal;
  readonly runPlatform?: PlatformRunner;
  /** Called with every pause, in milliseconds. */
  readonly onSleep?: (milliseconds: number) => void;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly pauses: readonly number[];
  /** Standard output as JSON. */
  readonly json: () => unknown;
}

/** Runs one command line in this process. Pauses take no time, but move the clock. */
export async function eucora(
  platform: FakePlatform | undefined,
  line: string | readonly string[],
  options: SessionOptions = {},
): Promise<Outcome> {
  const argv = typeof line === 'string' ? line.split(' ') : line;
  let stdout = '';
  let stderr = '';
  let clock = NOW;
  const pauses: number[] = [];
  const signal = options.signal ?? new AbortController().signal;
  const tty = options.tty === true;
  const io: Io = {
    stdout: {
      write: (text) => {
        stdout += text;
      },
      isTTY: tty,
      columns: options.columns,
    },
    stderr: {
      write: (text) => {
        stderr += text;
      },
    },
    stdin: Object.assign(inputOf(options.stdin ?? []), { isTTY: tty }),
    env: {
      ...(platform === undefined ? {} : { EUCORA_API: platform.url, EUCORA_TOKEN: TOKEN }),
      ...options.env,
    },
    version: '9.9.9',
    signal,
    now: () => clock,
    sleep: async (milliseconds) => {
      pauses.push(milliseconds);
      clock += milliseconds;
      options.onSleep?.(milliseconds);
      signal.throwIfAborted();
    },
    runPlatform: options.runPlatform ?? (async () => 0),
  };
  const code = await run(argv, io);
  return { code, stdout, stderr, pauses, json: () => JSON.parse(stdout) };
}

function inputOf(chunks: readonly string[]): Input {
  return {
    async *[Symbol.asyncIterator]() {
      yield* chunks;
    },
  };
}
