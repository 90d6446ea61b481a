/** How the agent's processes end; the launcher acts on them. Values follow sysexits where it has one. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 64,
  /** A version on trial is not the one that it was meant to be; `healthy.json` says which it is. */
  wrongVersion: 70,
  /** The worker asks the launcher to act on `update.json`. */
  update: 75,
  /** Settings or enrolment are wrong: starting again will not help. */
  configuration: 78,
} as const;

/** An error that only an operator can mend; its message says how. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}
