/**
 * What one operation costs: measured by the benches where a comment names one, estimated where it says so. CPU in seconds
 * of one core, sizes in bytes with indexes.
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
    // checkins: 0.162 and 0.044 at a steady 1,667 a second, where batches are half full; mutual TLS adds 0.028.
    heartbeat: usage({ api: 0.19, postgres: 0.044 }),
    // Estimated, not measured alone: a report is validated, judged and written by one batch, with a row of its own.
    telemetry: usage({ api: 0.2, postgres: 0.06 }),
    // tasks, --engine server: Temporal with its own Postgres (17.0 and 15.7).
    task: usage({ api: 4.9, worker: 12.2, postgres: 3, temporal: 32.7 }),
    // Whole and resumed handshakes of a bare Node server, to which ours stand as 0.87 and 0.95 in the bench enrol.
    handshake: 1.53 / 1_000,
    resumedHandshake: 0.58 / 1_000,
    // presence: 0.007, 0.096 and 0.003 for going; coming back is taken to cost Postgres as much (estimated).
    presenceEdges: usage({ worker: 0.007, postgres: 0.19, temporal: 0.003 }),
  },
  bytes: {
    // memory, by HTTP/1.1: as much as a bare server takes.
    connection: 60_600,
    // lists: a database of 1,000,000 agents and 10,000,000 tasks; an agent with its presence and, for the most part, its terms.
    agent: 2_230,
    task: 462,
    auditEvent: 635,
    telemetry: 132,
    // Estimated: history, execution and visibility of a closed workflow.
    workflow: 6_000,
  },
};
