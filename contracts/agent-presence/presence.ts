/** What one pass over a presence shard found. */
export interface ExpiryPass {
  /** Milliseconds until the next moment at which an agent of the shard can expire. */
  readonly next_in_ms: number;
  readonly expired: number;
  /** Batches of alerts of the shard whose delivery has not begun, opened by this pass or one whose answer was lost. */
  readonly alert_batches: readonly string[];
}
