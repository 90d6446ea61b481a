import pc from 'picocolors';
import { type Complaint, EXIT_CODES } from '../client/errors.ts';
import { type Io, type Output, setting } from '../client/io.ts';
import { clean, cleanLine, toJson } from './clean.ts';
import { renderTable } from './table.ts';
import { relative, utc } from './time.ts';

export interface PrinterOptions {
  readonly json: boolean;
  readonly utc: boolean;
}

type Paint = (text: string) => string;

/** States that are neither good nor bad yet. */
const UNDER_WAY = new Set([
  'DEGRADED',
  'CANCELLED',
  'ASSIGNED',
  'IN_PROGRESS',
  'PAUSED',
  'ROLLING_OUT',
  'ROLLING_BACK',
  'AWAITING_APPROVAL',
  'BUILDING',
  'SIGNING',
  'SCANNING',
  'REQUESTED',
  'AWAITING_DECISION',
  'CANARY',
  'ROLLOUT',
]);

/** One column, or one line of a record: its title and its text. */
export interface Column<T> {
  readonly title: string;
  readonly text: (item: T, out: Printer) => string;
}

/** Everything that people and programs get to see. */
export class Printer {
  readonly json: boolean;
  readonly #io: Io;
  readonly #utc: boolean;
  readonly #colours: ReturnType<typeof pc.createColors>;

  constructor(io: Io, options: PrinterOptions) {
    this.#io = io;
    this.json = options.json;
    this.#utc = options.utc;
    this.#colours = pc.createColors(
      io.stdout.isTTY === true && setting(io, 'NO_COLOR') === undefined && io.env['TERM'] !== 'dumb',
    );
  }

  /** The answer: `value` for programs, what `forPeople` makes of it otherwise. */
  answer(value: unknown, forPeople: () => string): void {
    this.#io.stdout.write(this.json ? `${toJson(value)}\n` : forPeople());
  }

  /** A remark beside the answer. */
  note(text: string): void {
    if (!this.json) this.#io.stderr.write(`${text}\n`);
  }

  table<T>(columns: readonly Column<T>[], items: readonly T[]): string {
    const rows = items.map((item) => columns.map((column) => column.text(item, this)));
    return renderTable(
      columns.map((column) => this.#colours.bold(column.title)),
      rows,
    );
  }

  fields<T>(columns: readonly Column<T>[], item: T): string {
    const rows = columns.map((column) => [this.#colours.bold(column.title), column.text(item, this)]);
    return renderTable([], rows);
  }

  /** A time as its age, or as it is with `--utc`; `-` for none. */
  time(instant: string | null | undefined): string {
    if (instant === null || instant === undefined) return '-';
    return this.#utc ? utc(instant) : relative(instant, this.#io.now());
  }

  /** In milliseconds since 1970. */
  now(): number {
    return this.#io.now();
  }

  status(status: string): string {
    return this.#paintOf(status)(status);
  }

  #paintOf(status: string): Paint {
    if (/^(ONLINE|COMPLETED|INSTALLED|PASSED|APPROVED|DONE|RESOLVED|HEALTHY|delivered)$/.test(status))
      return this.#colours.green;
    if (
      /^(OFFLINE|FAILED|TIMEOUT|EXPIRED|SICK|ROLLED_BACK|ROLLBACK_FAILED|REJECTED|failed|security)$/.test(
        status,
      )
    )
      return this.#colours.red;
    if (UNDER_WAY.has(status)) return this.#colours.yellow;
    return (text) => text;
  }
}

/** Text of unknown origin, on one line; `-` for none. */
export const text = (value: string | number | null | undefined): string =>
  value === null || value === undefined || value === '' ? '-' : cleanLine(String(value));

export const json = (value: unknown): string => (value === null ? '-' : toJson(value, 2));

/** Tags or counts, as `name=value` in the order of their names. */
export function pairs(values: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(values).sort();
  return text(names.map((name) => `${name}=${plain(values[name])}`).join(' '));
}

const plain = (value: unknown): string => (typeof value === 'string' ? value : toJson(value));

/** What went wrong, on standard error: in words, or as one JSON object for programs. */
export function complain(
  stderr: Output,
  complaint: Complaint,
  exit: keyof typeof EXIT_CODES,
  asJson: boolean,
): void {
  if (asJson) {
    stderr.write(`${toJson({ error: { ...complaint, exit_code: EXIT_CODES[exit].code } })}\n`);
    return;
  }
  const lines = [`eucora: ${complaint.title}`];
  if (complaint.detail !== undefined) lines.push(`  ${complaint.detail.replaceAll('\n', '\n  ')}`);
  for (const { path, message } of complaint.errors ?? []) lines.push(`  ${path}: ${message}`);
  if (complaint.hint !== undefined) lines.push(`  What to do: ${complaint.hint}`);
  if (complaint.code !== undefined) {
    lines.push(`  Code: ${complaint.code} (docs/errors/${complaint.code}.md)`);
  }
  if (complaint.correlation_id !== undefined) lines.push(`  Correlation id: ${complaint.correlation_id}`);
  stderr.write(`${clean(lines.join('\n'))}\n`);
}
