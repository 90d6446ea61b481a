/** How a request and its answer cross one connection. One request at a time. */
export interface Exchange {
  /** Bytes to send first, when the connection is there. */
  readonly opening?: Buffer;
  /** What must be sent for a request that was rendered by `render`. */
  frame(request: Buffer): Buffer;
  /**
   * Takes what came.
   *
   * @returns the status of the answer when it is complete, 0 as long as it is not
   */
  take(chunk: Buffer): number;
  /** Bytes that must be sent meanwhile, such as acknowledgements. */
  pending?(): Buffer | undefined;
}

/** A heartbeat, or any other POST of JSON, as it is sent. */
export interface Post {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
