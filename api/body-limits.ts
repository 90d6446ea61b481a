/** Largest bodies, in bytes, by what they carry; nothing is read before the caller was let in. */
export const BODY_BYTES = {
  /** Enrolment, renewal, heartbeats and the short words of agents. */
  small: 65_536,
  /** Results of tasks. */
  result: 2 * 1_048_576,
  /** Telemetry; software lists are the largest. */
  telemetry: 8 * 1_048_576,
  /** JSON of operators; artifacts have a limit of their own. */
  operator: 2 * 1_048_576,
} as const;
