const STEPS = [
  { unit: 'd', ms: 86_400_000 },
  { unit: 'h', ms: 3_600_000 },
  { unit: 'min', ms: 60_000 },
  { unit: 's', ms: 1_000 },
] as const;

/** `3 min ago`, `in 2 h`; the largest whole unit. */
export function relative(instant: string, now: number): string {
  const difference = now - Date.parse(instant);
  const distance = Math.abs(difference);
  const step = STEPS.find(({ ms }) => distance >= ms);
  if (step === undefined) return 'now';
  const amount = `${Math.floor(distance / step.ms)} ${step.unit}`;
  return difference > 0 ? `${amount} ago` : `in ${amount}`;
}

/** `2026-11-22 08:00:01Z`. */
export function utc(instant: string | number): string {
  return `${new Date(instant).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** `1 h 02 min`, `3 min 20 s`, `7 s`. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
  const minutes = Math.floor(seconds / 60);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (minutes === 0) return `${seconds} s`;
  if (minutes < 60) return `${minutes} min ${two(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}
