/** What a long step tells while it goes on. `elapsedMs` counts from the step's begin. */
export interface ProgressEvent {
  readonly state: 'start' | 'running' | 'done' | 'failed' | 'note' | 'warn';
  readonly message: string;
  readonly elapsedMs: number;
}

export type Progress = (event: ProgressEvent) => void;

export const silent: Progress = () => {};

const HEARTBEAT_MS = 3_000;

export function note(progress: Progress, message: string): void {
  progress({ state: 'note', message, elapsedMs: 0 });
}

export function warn(progress: Progress, message: string): void {
  progress({ state: 'warn', message, elapsedMs: 0 });
}

/**
 * Runs one step and tells its begin, its end and, every few seconds, that it still goes on.
 * `work` gets a function that sets the detail shown with the next sign of life.
 */
export async function step<T>(
  progress: Progress,
  message: string,
  work: (detail: (text: string) => void) => Promise<T>,
  heartbeatMs: number = HEARTBEAT_MS,
): Promise<T> {
  const begun = performance.now();
  const elapsedMs = (): number => Math.round(performance.now() - begun);
  let detail = '';
  progress({ state: 'start', message, elapsedMs: 0 });
  const timer = setInterval(() => {
    const text = detail === '' ? message : `${message}: ${detail}`;
    progress({ state: 'running', message: text, elapsedMs: elapsedMs() });
  }, heartbeatMs);
  try {
    const result = await work((text) => {
      detail = text;
    });
    progress({ state: 'done', message, elapsedMs: elapsedMs() });
    return result;
  } catch (error) {
    progress({ state: 'failed', message, elapsedMs: elapsedMs() });
    throw error;
  } finally {
    clearInterval(timer);
  }
}
