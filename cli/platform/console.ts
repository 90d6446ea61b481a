import pc from 'picocolors';
import type { Progress, ProgressEvent } from '../engines/progress.ts';

export interface LineSink {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

function duration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1_000)} s`;
}

function lineOf(event: ProgressEvent): string {
  const { message, elapsedMs } = event;
  switch (event.state) {
    case 'start':
      return `${pc.dim('…')} ${message}`;
    case 'running':
      return `${pc.dim('…')} ${message} ${pc.dim(`(${duration(elapsedMs)})`)}`;
    case 'done':
      return `${pc.green('✓')} ${message} ${pc.dim(`(${duration(elapsedMs)})`)}`;
    case 'failed':
      return `${pc.red('✗')} ${message} ${pc.dim(`(${duration(elapsedMs)})`)}`;
    case 'warn':
      return `${pc.yellow('!')} ${message}`;
    case 'note':
      return `${pc.dim('·')} ${message}`;
  }
}

/** Writes progress for people: plain lines, and on a terminal signs of life that overwrite each other. */
export function consoleProgress(sink: LineSink): Progress {
  let transient = false;
  return (event) => {
    const fleeting = sink.isTTY === true && (event.state === 'start' || event.state === 'running');
    const clear = transient ? '\r\u001b[K' : '';
    transient = fleeting;
    sink.write(`${clear}${lineOf(event)}${fleeting ? '' : '\n'}`);
  };
}
