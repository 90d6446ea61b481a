import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const INCOMING = 'incoming-';
/** Uploads in which nothing goes on for so long have been ended. */
const ABANDONED_MS = 15 * 60_000;

/** The content is larger than allowed. */
export class ArtifactTooLargeError extends Error {
  override readonly name = 'ArtifactTooLargeError';
}
/** The content has another hash than was promised. */
export class ArtifactHashError extends Error {
  override readonly name = 'ArtifactHashError';
  readonly actual: string;
  constructor(actual: string) {
    super(`The content has the hash ${actual}`);
    this.actual = actual;
  }
}

/** Files addressed by the SHA-256 of their content, in one folder; nothing is ever overwritten. */
export class ArtifactFiles {
  readonly #folder: string;
  readonly #maxBytes: number;

  constructor(dataDir: string, maxBytes: number) {
    this.#folder = join(dataDir, 'artifacts');
    this.#maxBytes = maxBytes;
  }

  /**
   * Keeps a stream; it is on disk as a whole when this resolves, and not at all when it rejects.
   *
   * @throws ArtifactTooLargeError, ArtifactHashError
   */
  async add(content: Readable, expectedSha256?: string): Promise<{ sha256: string; sizeBytes: number }> {
    const temporary = join(this.#folder, INCOMING + randomBytes(8).toString('hex'));
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const hash = createHash('sha256');
    let sizeBytes = 0;
    const measure = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        sizeBytes += chunk.length;
        hash.update(chunk);
        done(
          sizeBytes > this.#maxBytes ? new ArtifactTooLargeError(`More than ${this.#maxBytes} bytes`) : null,
          chunk,
        );
      },
    });
    try {
      await pipeline(content, measure, createWriteStream(temporary, { mode: 0o600, flags: 'wx' }));
      const sha256 = hash.digest('hex');
      if (expectedSha256 !== undefined && sha256 !== expectedSha256) throw new ArtifactHashError(sha256);
      const file = await open(temporary, 'r+');
      await file.sync().finally(() => file.close());
      const path = this.#path(sha256);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await rename(temporary, path);
      return { sha256, sizeBytes };
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** Removes what uploads left that were killed; those of other replicas may be under way and are left alone. */
  async sweep(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names.filter((found) => found.startsWith(INCOMING))) {
      const path = join(this.#folder, name);
      const written = await stat(path).catch(() => undefined);
      if (written !== undefined && Date.now() - written.mtimeMs > ABANDONED_MS)
        await rm(path, { force: true });
    }
  }

  /** Size in bytes; undefined when the file is not there. */
  async size(sha256: string): Promise<number | undefined> {
    return stat(this.#path(sha256)).then(
      (found) => found.size,
      () => undefined,
    );
  }

  /** The bytes from `start` to `end`, both included. */
  read(sha256: string, start: number, end: number): Readable {
    return createReadStream(this.#path(sha256), { start, end });
  }

  #path(sha256: string): string {
    return join(this.#folder, sha256.slice(0, 2), sha256);
  }
}
