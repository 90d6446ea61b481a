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
    // checkins: 0.071 and 0.021 by plain HTTP; the bare route takes 0.027 more by mutual TLS.
    heartbeat: usage({ api: 0.1, postgres: 0.021 }),
    // Not measured alone: a report is validated, judged and written by one batch, with a row of its own.
    telemetry: usage({ api: 0.2, postgres: 0.06 }),
    // tasks, --engine server: Temporal with its own Postgres (15.8 and 14.6).
    task: usage({ api: 4.7, worker: 10.6, postgres: 5.1, temporal: 30.4 }),
    // enrol: reconnects, whole and resumed.
    handshake: 1.53 / 1_000,
    resumedHandshake: 0.58 / 1_000,
    // presence: 100,000 in 9.6 s by two cores at most; coming back costs about the same.
    presenceEdges: usage({ worker: 0.02, postgres: 0.3, temporal: 0.01 }),
  },
  bytes: {
    // memory: 49 kB an agent, of which the bare server takes 17.
    connection: 49_400,
    // lists: a database of 1,000,000 agents and 10,000,000 tasks; an agent with its presence.
    agent: 722,
    task: 462,
    auditEvent: 635,
    telemetry: 132,
    // tasks, --engine server: history, execution and visibility of a closed workflow.
    workflow: 6_000,
  },
};
