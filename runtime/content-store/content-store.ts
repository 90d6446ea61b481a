import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, type WriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Objects } from './objects.ts';

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
/** What should lie in the store does not, or is not what it was. */
export class MissingContentError extends Error {
  override readonly name = 'MissingContentError';
}

export interface StoredContent {
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface ContentStoreOptions {
  readonly objects: Objects;
  readonly maxBytes: number;
  /** Notes content before it is kept, so that nobody cleans it away; refuses it by throwing. */
  readonly admit: (content: StoredContent) => Promise<void>;
}

/** There before anything is written: a stream that opens it by itself could make it after a failure took it away. */
async function newFile(path: string): Promise<WriteStream> {
  return (await open(path, 'wx', 0o600)).createWriteStream();
}

/** Content addressed by its SHA-256, kept once. */
export class ContentStore {
  readonly #objects: Objects;
  readonly #maxBytes: number;
  readonly #admit: ContentStoreOptions['admit'];

  constructor({ objects, maxBytes, admit }: ContentStoreOptions) {
    this.#objects = objects;
    this.#maxBytes = maxBytes;
    this.#admit = admit;
  }

  /**
   * Keeps a stream; it is kept as a whole when this resolves, and not at all when it rejects.
   *
   * @throws ArtifactTooLargeError, ArtifactHashError
   */
  async add(content: Readable, expectedSha256?: string): Promise<StoredContent> {
    // Content may break before anybody reads it, a file that is gone at once; the pipeline then tells so.
    content.on('error', () => undefined);
    const temporary = join(this.#objects.stagingFolder, INCOMING + randomBytes(8).toString('hex'));
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
      await mkdir(this.#objects.stagingFolder, { recursive: true, mode: 0o700 });
      await pipeline(content, measure, await newFile(temporary));
      const stored = { sha256: hash.digest('hex'), sizeBytes };
      if (expectedSha256 !== undefined && stored.sha256 !== expectedSha256)
        throw new ArtifactHashError(stored.sha256);
      const file = await open(temporary, 'r+');
      await file.sync().finally(() => file.close());
      await this.#admit(stored);
      await this.#objects.put(temporary, stored.sha256, sizeBytes);
      return stored;
    } finally {
      // What the pipeline has not got to is still open: a file, or an answer that holds its connection.
      content.destroy();
      await rm(temporary, { force: true });
    }
  }

  addBytes(bytes: Buffer | string): Promise<StoredContent> {
    return this.add(Readable.from([Buffer.from(bytes)]));
  }

  addFile(path: string): Promise<StoredContent> {
    return this.add(createReadStream(path));
  }

  /** Size in bytes; undefined when it is not there. */
  size(sha256: string): Promise<number | undefined> {
    return this.#objects.size(sha256);
  }

  /** The bytes from `start` to `end`, both included; undefined when it is not there. */
  read(sha256: string, start: number, end: number): Promise<Readable | undefined> {
    return this.#objects.read(sha256, start, end);
  }

  /**
   * Puts a copy to `path`, whole and with the right hash or not at all.
   *
   * @throws MissingContentError
   */
  async copyTo(sha256: string, path: string): Promise<void> {
    const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      await pipeline(this.whole(sha256), await newFile(temporary));
      await rename(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** Small content as a whole, checked against its hash. @throws MissingContentError */
  async bytes(sha256: string): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.whole(sha256)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** Reads content as a whole to see that it is what it was. @throws MissingContentError */
  async check(sha256: string): Promise<void> {
    for await (const _ of this.whole(sha256)) {
      // Only the hash matters.
    }
  }

  /**
   * The content from beginning to end. Its last part comes only once the hash of all is right, so that whoever hands on
   * what was changed where it lies hands on nothing that looks whole.
   *
   * @throws MissingContentError
   */
  async *whole(sha256: string): AsyncGenerator<Buffer> {
    const size = await this.size(sha256);
    const content = size === undefined ? undefined : await this.read(sha256, 0, size - 1);
    if (content === undefined) throw new MissingContentError(`The store does not hold ${sha256}`);
    const hash = createHash('sha256');
    let held: Buffer | undefined;
    for await (const chunk of content as AsyncIterable<Buffer>) {
      hash.update(chunk);
      if (held !== undefined) yield held;
      held = chunk;
    }
    if (hash.digest('hex') !== sha256)
      throw new MissingContentError(`What the store holds as ${sha256} was changed`);
    if (held !== undefined) yield held;
  }

  /** For cleaners, which hold the lock of the content's row. */
  remove(sha256: string): Promise<void> {
    return this.#objects.remove(sha256);
  }

  /** Removes what uploads left that were killed; those of other replicas may be under way and are left alone. */
  async sweep(): Promise<void> {
    const { stagingFolder } = this.#objects;
    const names = await readdir(stagingFolder).catch(() => []);
    for (const name of names.filter((found) => found.startsWith(INCOMING))) {
      const path = join(stagingFolder, name);
      const written = await stat(path).catch(() => undefined);
      if (written !== undefined && Date.now() - written.mtimeMs > ABANDONED_MS)
        await rm(path, { force: true });
    }
  }
}
