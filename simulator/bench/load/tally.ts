import { encoded, newHistogram, record } from '../measure/latency.ts';

/** What a stretch of load came to. */
export interface LoadReport {
  readonly requests: number;
  readonly seconds: number;
  /** Answers by status; 0 is a connection that broke. */
  readonly statuses: Readonly<Record<number, number>>;
  /** A histogram in microseconds, encoded. */
  readonly latencies: string;
  /** CPU-seconds of the load itself. */
  readonly own_cpu_s: number;
}

/** Counts and times what is answered, from its making on. */
export class Tally {
  readonly began = performance.now();
  readonly #histogram = newHistogram();
  readonly #statuses: Record<number, number> = {};
  readonly #cpu = process.cpuUsage();
  #requests = 0;

  get requests(): number {
    return this.#requests;
  }

  count(status: number, since: number): void {
    this.#requests += 1;
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    record(this.#histogram, performance.now() - since);
  }

  report(): LoadReport {
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      requests: this.#requests,
      seconds: (performance.now() - this.began) / 1_000,
      statuses: this.#statuses,
      latencies: encoded(this.#histogram),
      own_cpu_s: (user + system) / 1e6,
    };
  }
}
