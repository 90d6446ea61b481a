import { build, type Histogram } from 'hdr-histogram-js';

/** Milliseconds. */
export interface LatencyFigures {
  readonly count: number;
  readonly mean_ms: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
}

const LONGEST_US = 3_600_000_000;

/**
 * Latencies from the moment at which something was due, not from the one at which it could be sent: a platform that
 * makes its callers wait is charged for that, too (no coordinated omission).
 */
export class Latencies {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LONGEST_US,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
  });

  add(ms: number): void {
    this.#histogram.recordValue(Math.min(LONGEST_US, Math.max(1, Math.round(ms * 1_000))));
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  percentile(percent: number): number {
    return this.count === 0 ? 0 : round(this.#histogram.getValueAtPercentile(percent) / 1_000);
  }

  figures(): LatencyFigures {
    const { count } = this;
    return {
      count,
      mean_ms: count === 0 ? 0 : round(this.#histogram.mean / 1_000),
      p50_ms: this.percentile(50),
      p95_ms: this.percentile(95),
      p99_ms: this.percentile(99),
      max_ms: count === 0 ? 0 : round(this.#histogram.maxValue / 1_000),
    };
  }

  reset(): void {
    this.#histogram.reset();
  }
}

const round = (value: number): number => Math.round(value * 100) / 100;
