/**
 * How often the rules were right at a certainty, on the tuning half of the evaluation set
 * (`npm run eval:ai -- --reliability`); between the points it is interpolated.
 */
const POINTS: readonly (readonly [certainty: number, right: number])[] = [
  [0, 0.2],
  [0.3, 0.5],
  [0.5, 0.75],
  [0.7, 0.92],
  [1, 0.98],
];

/** A probability for a certainty of the rules; both from 0 to 1. */
export function calibrated(certainty: number): number {
  const above = POINTS.findIndex(([point]) => point >= certainty);
  const [x1, y1] = POINTS[Math.max(above, 1)] ?? [1, 1];
  const [x0, y0] = POINTS[Math.max(above, 1) - 1] ?? [0, 0];
  const value = y0 + ((certainty - x0) / (x1 - x0)) * (y1 - y0);
  return Math.round(Math.min(1, Math.max(0, value)) * 1_000) / 1_000;
}
