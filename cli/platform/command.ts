import { SAME_SIGNAL_MS } from '../client/io.ts';
import { messageOf } from '../engines/errors.ts';
import { type Progress, step, warn } from '../engines/progress.ts';
import { consoleProgress, type LineSink } from './console.ts';
import { AlreadyRunningError, type PlatformOptions, type RunningPlatform, startPlatform } from './start.ts';

/** 0 after a clean stop, 1 when it could not start or stop, 3 when another start owns the data folder. */
export type PlatformExit = 0 | 1 | 3;

type SignalSource = Pick<NodeJS.Process, 'on' | 'off'>;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function whereToLook(platform: RunningPlatform): string {
  const { endpoints } = platform;
  return [
    '',
    `  Operator API     ${endpoints.operator_api}`,
    `  Agent API        ${endpoints.agent_api}`,
    `  Temporal         ${endpoints.temporal_address}`,
    `  Temporal Web UI  ${endpoints.temporal_ui ?? '(external)'}`,
    `  Admin token      ${endpoints.admin_token_file}`,
    `  Data and logs    ${platform.dataDir}`,
    '',
    '  Ctrl-C stops.',
    '',
  ].join('\n');
}

/**
 * `eucora platform start`: starts the platform, stays up until Ctrl-C (SIGINT, SIGTERM, SIGHUP), then drains and
 * stops; a second signal ends everything at once. Returns the exit status.
 */
export async function runPlatform(
  options: PlatformOptions & { readonly sink?: LineSink; readonly signals?: SignalSource } = {},
): Promise<PlatformExit> {
  const sink = options.sink ?? process.stdout;
  const signals = options.signals ?? process;
  const progress: Progress = options.progress ?? consoleProgress(sink);
  const abort = new AbortController();
  let platform: RunningPlatform | undefined;
  let asked = 0;
  let wake: () => void = () => {};
  const asleep = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let firstAt = 0;
  const onSignal = (): void => {
    if (asked > 0 && performance.now() - firstAt < SAME_SIGNAL_MS) return;
    if (asked === 0) firstAt = performance.now();
    asked += 1;
    abort.abort(new Error('stopped while starting'));
    wake();
    if (asked < 2 || platform === undefined) return;
    warn(progress, 'ending everything at once');
    platform.killAll().catch((error: unknown) => warn(progress, messageOf(error)));
  };
  for (const name of SIGNALS) signals.on(name, onSignal);
  try {
    platform = await startPlatform({ ...options, progress, signal: abort.signal });
    const running = platform;
    sink.write(whereToLook(running));
    await asleep;
    await step(progress, 'Stopping (again Ctrl-C: at once)', () => running.stop());
    return 0;
  } catch (error) {
    if (abort.signal.aborted && platform === undefined) return 0;
    sink.write(`${messageOf(error)}\n`);
    return error instanceof AlreadyRunningError ? 3 : 1;
  } finally {
    for (const name of SIGNALS) signals.off(name, onSignal);
  }
}
