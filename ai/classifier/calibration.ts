/**
 * How often the rules are right at a certainty. Set by hand, below what the evaluation set shows; both its halves were
 * seen while the points were chosen, so no rows check them independently (docs/ai/evaluation.md). Interpolated between.
 */
const POINTS: readonly (readonly [certainty: number, right: number])[] = [
  [0, 0.3],
  [0.35, 0.6],
  [0.5, 0.72],
  [0.65, 0.87],
  [0.8, 0.95],
  [0.95, 0.985],
  [1, 0.99],
];

/** A probability for a certainty of the rules; both from 0 to 1. */
export function calibrated(certainty: number): number {
  const above = POINTS.findIndex(([point]) => point >= certainty);
  const [x1, y1] = POINTS[Math.max(above, 1)] ?? [1, 1];
  const [x0, y0] = POINTS[Math.max(above, 1) - 1] ?? [0, 0];
  const value = y0 + ((certainty - x0) / (x1 - x0)) * (y1 - y0);
  return Math.round(Math.min(1, Math.max(0, value)) * 1_000) / 1_000;
}
