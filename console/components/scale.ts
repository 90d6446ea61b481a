/** A round number at or above a maximum, and the marks from 0 up to it: 1, 2 or 5 times a power of ten apart. */
export function niceScale(highest: number): { readonly top: number; readonly marks: readonly number[] } {
  const rough = Math.max(1, highest) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough) ?? rough);
  const top = Math.max(step, Math.ceil(highest / step) * step);
  return { top, marks: Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step) };
}

/** A count as an axis has room for it: 950, 1.5k, 100k, 2M. */
export function short(count: number): string {
  if (count < 1_000) return String(Math.round(count));
  const [divisor, unit] = count < 1_000_000 ? [1_000, 'k'] : [1_000_000, 'M'];
  return `${Number((count / divisor).toPrecision(3))}${unit}`;
}

/** How long ago, or how long: 5 min, 3 h, 7 d. */
export function duration(ms: number): string {
  const minutes = ms / 60_000;
  if (minutes < 120) return `${Math.max(1, Math.round(minutes))} min`;
  const hours = minutes / 60;
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} d`;
}
