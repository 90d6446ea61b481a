import type { Task } from '../../contracts/agent-task/task.ts';
import type { Io } from '../client/io.ts';
import { cleanLine, toJson, truncate } from './clean.ts';
import type { Printer } from './printer.ts';
import { span, utc } from './time.ts';

const ERASE_LINE = '\r\u001b[2K';
const DEFAULT_WIDTH = 80;

/**
 * A task as it changes. Programs get it as JSON, a line a change; a terminal one line a state, the last of which
 * is kept up to date; everything else a line a change.
 */
export class TaskView {
  readonly #io: Io;
  readonly #out: Printer;
  readonly #live: boolean;
  #last: Task | undefined;
  #seen = '';
  #open = false;
  #lost = false;

  constructor(io: Io, out: Printer) {
    this.#io = io;
    this.#out = out;
    this.#live = io.stdout.isTTY === true && !out.json;
  }

  /** Shows the task; tells whether it has changed. */
  show(task: Task): boolean {
    const back = this.#lost;
    this.#lost = false;
    if (back) this.#remark('the platform answers again');
    const changed = this.#seen !== fingerprint(task);
    this.#seen = fingerprint(task);
    if (this.#out.json) {
      if (changed) this.#io.stdout.write(`${toJson(task)}\n`);
    } else if (this.#live) {
      this.#showLive(task);
    } else if (changed) {
      this.#io.stdout.write(`${this.#describe(task)}\n`);
    }
    this.#last = task;
    return changed;
  }

  /** The platform does not answer; said once an outage. */
  lost(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#remark('the platform does not answer; trying on');
  }

  /** Leaves the terminal on a new line. */
  end(): void {
    if (this.#open) this.#io.stdout.write('\n');
    this.#open = false;
  }

  #showLive(task: Task): void {
    if (this.#last !== undefined && this.#last.status !== task.status) this.end();
    const line = truncate(this.#describe(task), widthOf(this.#io) - 1);
    this.#io.stdout.write(`${ERASE_LINE}${line.replace(task.status, this.#out.status(task.status))}`);
    this.#open = true;
  }

  #describe(task: Task): string {
    const parts = [utc(changedAt(task) ?? this.#io.now()), task.status];
    if (task.progress_percent !== null) parts.push(`${Math.round(task.progress_percent)} %`);
    if (task.progress_message !== null) parts.push(task.progress_message);
    if (task.retry_count > 0) parts.push(`retry ${task.retry_count} of ${task.max_retries}`);
    if (task.error_message !== null) parts.push(task.error_message);
    if (this.#live) parts.push(`(${span(this.#io.now() - Date.parse(task.created_at))})`);
    return cleanLine(parts.filter((part) => part !== '').join('  '));
  }

  #remark(text: string): void {
    this.end();
    this.#out.note(text);
  }
}

/** Some terminals give 0 for a width that they do not know. */
const widthOf = (io: Io): number =>
  io.stdout.columns !== undefined && io.stdout.columns > 0 ? io.stdout.columns : DEFAULT_WIDTH;

const fingerprint = (task: Task): string =>
  toJson([task.status, task.retry_count, task.progress_percent, task.progress_message, task.error_message]);

/** When the state began, as the platform says; undefined while only progress can have changed it. */
function changedAt(task: Task): string | undefined {
  if (task.completed_at !== null) return task.completed_at;
  if (task.status === 'ASSIGNED') return task.assigned_at ?? undefined;
  if (task.status === 'PENDING') return task.retry_count === 0 ? task.created_at : undefined;
  return task.progress_percent === null && task.progress_message === null
    ? (task.started_at ?? undefined)
    : undefined;
}
