import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';

/** Latencies are kept in microseconds, from 1 µs to an hour, to 3 significant digits. */
export function newHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 3_600_000_000,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
  });
}

export function record(histogram: Histogram, milliseconds: number): void {
  histogram.recordValue(Math.max(1, Math.round(milliseconds * 1_000)));
}

/** A percentile in milliseconds. */
export function percentile(histogram: Histogram, percent: number): number {
  return histogram.getValueAtPercentile(percent) / 1_000;
}

/** A histogram as text, for another process to {@link merged | merge}. */
export function encoded(histogram: Histogram): string {
  return encodeIntoCompressedBase64(histogram);
}

/** One histogram of many that came, encoded, from other processes. */
export function merged(encoded: readonly string[]): Histogram {
  const all = newHistogram();
  for (const text of encoded) all.add(decodeFromCompressedBase64(text, 32));
  return all;
}
