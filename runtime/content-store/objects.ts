import type { Readable } from 'node:stream';

/** Content under the SHA-256 of its bytes, wherever it lies. Nothing is ever overwritten. */
export interface Objects {
  /**
   * Where content is written before its hash is known; a folder of this machine. Content that goes to the same disk
   * in the end is moved from there, not copied.
   */
  readonly stagingFolder: string;
  /** Keeps a file of the staging folder, whole or not at all; the file may be gone afterwards. */
  put(path: string, sha256: string, sizeBytes: number): Promise<void>;
  /** Size in bytes; undefined when it is not there. */
  size(sha256: string): Promise<number | undefined>;
  /** The bytes from `start` to `end`, both included; undefined when it is not there. */
  read(sha256: string, start: number, end: number): Promise<Readable | undefined>;
  /** Removing what is not there is harmless. */
  remove(sha256: string): Promise<void>;
}
