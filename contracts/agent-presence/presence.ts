/** What one pass over a presence shard found. */
export interface ExpiryPass {
  /** Milliseconds until the next moment at which an agent of the shard can expire. */
  readonly next_in_ms: number;
  readonly expired: number;
  /** Alerts that were opened and wait for delivery. */
  readonly alert_ids: readonly string[];
}
