import type { Recorder, Stretch } from './recorder.ts';
import { type Usage, usageOf, type Watched } from './usage.ts';

export interface ProcessPoint {
  readonly cores: number;
  readonly mb: number;
}

/** One stretch of the run; what the plots are made of. */
export interface Point {
  /** Its end, seconds since the fleet was started. */
  readonly at_s: number;
  readonly length_s: number;
  readonly endpoints: Readonly<Record<string, Stretch>>;
  readonly operators: Readonly<Record<string, Stretch>>;
  readonly processes: Readonly<Record<string, ProcessPoint>>;
  /** Agents that can be reached, by the simulator's own knowledge. */
  readonly reachable: number;
  /** Agents by status, and tasks by state, by the database's; empty while it is down. */
  readonly presence: Readonly<Record<string, number>>;
  readonly tasks: Readonly<Record<string, number>>;
  readonly task_rate: number;
  /** How late the simulator itself was at worst, which is part of every latency. */
  readonly lag_ms: number;
}

export interface SeriesSources {
  readonly recorder: Recorder;
  readonly operators: Recorder;
  /** Asked anew each time: processes are restarted. */
  readonly watched: () => ReadonlyMap<string, Watched>;
  readonly look: () => Promise<Pick<Point, 'reachable' | 'presence' | 'tasks' | 'task_rate' | 'lag_ms'>>;
}

export interface ProcessTotals {
  readonly cpu_s: number;
  readonly mean_cores: number;
  readonly peak_mb: number;
}

/** Takes a point every few seconds. */
export class Series {
  readonly points: Point[] = [];
  readonly #sources: SeriesSources;
  readonly #totals = new Map<string, { cpuSeconds: number; peakBytes: number }>();
  #begun = 0;
  #last = 0;
  #before = new Map<string, Usage>();

  constructor(sources: SeriesSources) {
    this.#sources = sources;
  }

  async start(): Promise<void> {
    this.#begun = performance.now();
    this.#last = this.#begun;
    this.#before = await usageOf(this.#sources.watched());
  }

  async take(): Promise<Point> {
    const { recorder, operators, look } = this.#sources;
    const now = performance.now();
    const lengthS = (now - this.#last) / 1_000;
    this.#last = now;
    const point: Point = {
      at_s: round((now - this.#begun) / 1_000, 1),
      length_s: round(lengthS, 2),
      endpoints: recorder.takeStretch(),
      operators: operators.takeStretch(),
      processes: await this.#processes(lengthS),
      ...(await look()),
    };
    this.points.push(point);
    return point;
  }

  /** CPU and memory of each process over all points. */
  totals(): Record<string, ProcessTotals> {
    const seconds = (this.#last - this.#begun) / 1_000;
    return Object.fromEntries(
      [...this.#totals].map(([name, { cpuSeconds, peakBytes }]) => [
        name,
        {
          cpu_s: round(cpuSeconds, 2),
          mean_cores: round(cpuSeconds / seconds, 3),
          peak_mb: Math.round(peakBytes / 1e6),
        },
      ]),
    );
  }

  async #processes(lengthS: number): Promise<Record<string, ProcessPoint>> {
    const now = await usageOf(this.#sources.watched());
    const points: Record<string, ProcessPoint> = {};
    for (const [name, usage] of now) {
      const before = this.#before.get(name)?.cpuSeconds ?? 0;
      // One that was started anew counts from nothing.
      const cpuSeconds = usage.cpuSeconds >= before ? usage.cpuSeconds - before : usage.cpuSeconds;
      const total = this.#totals.get(name) ?? { cpuSeconds: 0, peakBytes: 0 };
      this.#totals.set(name, {
        cpuSeconds: total.cpuSeconds + cpuSeconds,
        peakBytes: Math.max(total.peakBytes, usage.residentBytes),
      });
      points[name] = { cores: round(cpuSeconds / lengthS, 3), mb: Math.round(usage.residentBytes / 1e6) };
    }
    this.#before = now;
    return points;
  }
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}
