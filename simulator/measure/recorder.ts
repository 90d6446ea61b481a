import { Latencies, type LatencyFigures } from './latency.ts';

/** What agents call, by its own name. */
export const ENDPOINTS = [
  'register',
  'heartbeat',
  'telemetry',
  'start',
  'progress',
  'complete',
  'fail',
] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

export interface EndpointFigures extends LatencyFigures {
  /** Answers other than those that were expected, and requests without one; each attempt counts. */
  readonly errors: number;
  /** By status, or by the reason why there was no answer. */
  readonly outcomes: Readonly<Record<string, number>>;
}

/** One stretch of time of one endpoint. */
export interface Stretch {
  readonly count: number;
  readonly errors: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
}

class EndpointRecord {
  readonly whole = new Latencies();
  /** From the moment on at which the fleet has settled. */
  readonly settled = new Latencies();
  readonly stretch = new Latencies();
  readonly outcomes = new Map<string, number>();
  errors = 0;
  stretchErrors = 0;
  /** Of the stretch before. */
  lastP99 = 0;
}

/** Latencies and outcomes by endpoint: over the whole run, and stretch by stretch for the plots. */
export class Recorder {
  readonly #records = new Map<string, EndpointRecord>();
  #hasSettled = false;

  /** From now on answers count as those of a fleet that everybody knows: nobody's first heartbeat is among them. */
  settle(): void {
    this.#hasSettled = true;
  }

  /** Something was answered as it should be, `ms` after it was due. */
  succeeded(endpoint: string, ms: number, outcome: string): void {
    const record = this.#of(endpoint);
    record.whole.add(ms);
    if (this.#hasSettled) record.settled.add(ms);
    record.stretch.add(ms);
    count(record, outcome);
  }

  failed(endpoint: string, outcome: string): void {
    const record = this.#of(endpoint);
    record.errors += 1;
    record.stretchErrors += 1;
    count(record, outcome);
  }

  /** The worse 99th percentile of this stretch and the one before, in milliseconds; 0 before the first answer. */
  recentP99(endpoint: string): number {
    const record = this.#records.get(endpoint);
    return record === undefined ? 0 : Math.max(record.lastP99, record.stretch.percentile(99));
  }

  /** How often it was answered as it should be, so far. */
  answered(endpoint: string): number {
    return this.#records.get(endpoint)?.whole.count ?? 0;
  }

  /** Ends the present stretch. */
  takeStretch(): Record<string, Stretch> {
    const taken: Record<string, Stretch> = {};
    for (const [endpoint, record] of this.#records) {
      const { count: answered, p50_ms, p99_ms, max_ms } = record.stretch.figures();
      taken[endpoint] = { count: answered, errors: record.stretchErrors, p50_ms, p99_ms, max_ms };
      record.lastP99 = p99_ms;
      record.stretch.reset();
      record.stretchErrors = 0;
    }
    return taken;
  }

  settledFigures(): Record<string, LatencyFigures> {
    return Object.fromEntries(
      [...this.#records]
        .filter(([, record]) => record.settled.count > 0)
        .map(([endpoint, record]) => [endpoint, record.settled.figures()]),
    );
  }

  figures(): Record<string, EndpointFigures> {
    return Object.fromEntries(
      [...this.#records].map(([endpoint, record]) => [
        endpoint,
        {
          ...record.whole.figures(),
          errors: record.errors,
          outcomes: Object.fromEntries([...record.outcomes].sort()),
        },
      ]),
    );
  }

  #of(endpoint: string): EndpointRecord {
    let record = this.#records.get(endpoint);
    if (record === undefined) {
      record = new EndpointRecord();
      this.#records.set(endpoint, record);
    }
    return record;
  }
}

function count(record: EndpointRecord, outcome: string): void {
  record.outcomes.set(outcome, (record.outcomes.get(outcome) ?? 0) + 1);
}
