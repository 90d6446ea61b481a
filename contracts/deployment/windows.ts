import { type MaintenanceWindow, minutesOf, WEEKDAYS, type Weekday } from './rings.ts';

/** Whether devices of a time zone may be changed now, and when that changes; null: never. */
export interface WindowState {
  readonly open: boolean;
  readonly changes_at: Date | null;
}

interface WallTime {
  readonly day: Weekday;
  readonly minutes: number;
}

const MINUTE_MS = 60_000;
/** All offsets of zones, and so all leaps of clocks, are multiples of this. */
const STEP_MINUTES = 15;
/** A week, and a day for a window that the clocks leap over. */
const HORIZON_STEPS = (8 * 24 * 60) / STEP_MINUTES;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    formats.set(zone, format);
  }
  return format;
}

function wallTime(zone: string, at: number): WallTime {
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {};
  for (const { type, value } of formatOf(zone).formatToParts(at)) parts[type] = value;
  const day = WEEKDAYS.find((name) => name === parts.weekday?.toLowerCase());
  if (day === undefined) throw new RangeError(`No weekday in ${zone}`);
  return { day, minutes: Number(parts.hour) * 60 + Number(parts.minute) };
}

const before = (day: Weekday): Weekday =>
  WEEKDAYS[(WEEKDAYS.indexOf(day) + WEEKDAYS.length - 1) % WEEKDAYS.length] ?? day;

function contains(window: MaintenanceWindow, { day, minutes }: WallTime): boolean {
  const from = minutesOf(window.from);
  const to = minutesOf(window.to);
  if (from < to) return window.days.includes(day) && minutes >= from && minutes < to;
  return (
    (window.days.includes(day) && minutes >= from) || (window.days.includes(before(day)) && minutes < to)
  );
}

/**
 * Looks at the clock on the device's wall, so that a window keeps its hours when clocks are put forward or back. One
 * whose hours are leapt over does not open that day. Without windows it is always open.
 */
export function windowState(windows: readonly MaintenanceWindow[], zone: string, now: Date): WindowState {
  if (windows.length === 0) return { open: true, changes_at: null };
  const isOpen = (at: number) => {
    const wall = wallTime(zone, at);
    return windows.some((window) => contains(window, wall));
  };
  const start = now.getTime();
  const open = isOpen(start);
  const minute = Math.floor(start / MINUTE_MS) * MINUTE_MS;
  for (let step = 1; step <= HORIZON_STEPS; step += 1) {
    const end = minute + step * STEP_MINUTES * MINUTE_MS;
    if (isOpen(end) === open) continue;
    // Within this step, to the minute.
    let at = end - STEP_MINUTES * MINUTE_MS;
    while (isOpen(at) === open) at += MINUTE_MS;
    return { open, changes_at: new Date(at) };
  }
  return { open, changes_at: null };
}
