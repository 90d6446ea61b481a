/** Time for which lines wait for each other, in milliseconds. */
const WAIT_MS = 500;
/** Characters that are written without waiting any longer; a piece is never much larger. */
const PIECE = 32_768;

/** Collects the lines of a live log into few writes. */
export class LogSink {
  readonly #write: (text: string) => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #waiting: string[] = [];
  #size = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  /** @param onError a log that cannot be written must not fail the build */
  constructor(write: (text: string) => Promise<void>, onError: (error: unknown) => void) {
    this.#write = write;
    this.#onError = onError;
  }

  readonly line = (line: string): void => {
    this.#waiting.push(`${line}\n`);
    this.#size += line.length + 1;
    if (this.#size >= PIECE) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), WAIT_MS);
  };

  /** Resolves when all lines so far are written. */
  async flush(): Promise<void> {
    this.#send();
    await this.#writing;
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    const text = this.#waiting.join('');
    this.#waiting = [];
    this.#size = 0;
    // One after the other: the order of the lines is the order of the writes.
    this.#writing = this.#writing.then(() => this.#write(text)).catch(this.#onError);
  }
}
