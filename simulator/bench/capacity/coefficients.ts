/**
 * What one operation costs, as measured by the benches (docs/performance/CAPACITY.md says by which run). CPU in seconds of
 * one core, sizes in bytes with indexes.
 */
export interface Coefficients {
  readonly cpu: {
    /** A heartbeat with mutual TLS on a kept-alive connection. */
    readonly heartbeat: Usage;
    readonly telemetry: Usage;
    /** A task from creation to completion. */
    readonly task: Usage;
    /** A new mutual-TLS handshake, and one that resumes a session. */
    readonly handshake: number;
    readonly resumedHandshake: number;
    /** Going OFFLINE and coming back. */
    readonly presenceEdges: Usage;
  };
  readonly bytes: {
    /** Of API memory, for a connected agent. */
    readonly connection: number;
    readonly agent: number;
    readonly task: number;
    readonly auditEvent: number;
    readonly telemetry: number;
    /** In Temporal's database, for a closed workflow of a task. */
    readonly workflow: number;
  };
}

export interface Usage {
  readonly api: number;
  readonly worker: number;
  readonly postgres: number;
  readonly temporal: number;
}

const usage = (milliseconds: Partial<Usage>): Usage => ({
  api: (milliseconds.api ?? 0) / 1_000,
  worker: (milliseconds.worker ?? 0) / 1_000,
  postgres: (milliseconds.postgres ?? 0) / 1_000,
  temporal: (milliseconds.temporal ?? 0) / 1_000,
});

export const MEASURED: Coefficients = {
  cpu: {
    heartbeat: usage({ api: 0.09, postgres: 0.025 }),
    telemetry: usage({ api: 0.15, postgres: 0.12 }),
    task: usage({ api: 4, worker: 9, postgres: 5, temporal: 17 }),
    handshake: 1.58 / 1_000,
    resumedHandshake: 0.58 / 1_000,
    presenceEdges: usage({ worker: 0.05, postgres: 0.6, temporal: 0.02 }),
  },
  bytes: {
    connection: 40_000,
    agent: 722,
    task: 462,
    auditEvent: 635,
    telemetry: 132,
    workflow: 6_000,
  },
};
