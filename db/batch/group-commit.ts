interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions {
  /** Items in one batch at most. */
  readonly maxBatch: number;
  /** Items that are company enough: a batch that has them does not wait for more. Default: a full batch. */
  readonly enough?: number;
  /** How long the first item waits for company, in milliseconds. */
  readonly maxWaitMs: number;
  /** Batches under way at once. */
  readonly maxConcurrent: number;
  /** Items that may wait; beyond it callers are turned away. */
  readonly maxWaiting: number;
}

/** More callers wait than can be served in time. */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError';
}

/**
 * Lets callers that come at about the same time share one durable write. Every caller is answered after its
 * batch has been committed, or gets the error that its batch met.
 */
export class GroupCommit<Item, Answer> {
  readonly #commit: (items: readonly Item[]) => Promise<readonly Answer[]>;
  readonly #options: GroupCommitOptions;
  #waiting: Waiting<Item, Answer>[] = [];
  /** When the first that waits came. */
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;
  #running = 0;

  /** @param commit writes a batch and answers its items in their order */
  constructor(commit: (items: readonly Item[]) => Promise<readonly Answer[]>, options: GroupCommitOptions) {
    this.#commit = commit;
    this.#options = options;
  }

  submit(item: Item): Promise<Answer> {
    if (this.#waiting.length >= this.#options.maxWaiting) {
      return Promise.reject(new OverloadedError('Too many requests wait for the database'));
    }
    return new Promise<Answer>((resolve, reject) => {
      if (this.#waiting.length === 0) this.#since = performance.now();
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#waiting.length === 0 || this.#running >= this.#options.maxConcurrent) return;
    const { maxBatch, enough = maxBatch, maxWaitMs } = this.#options;
    if (this.#waiting.length >= maxBatch) {
      this.#flush();
      return;
    }
    // What was read in this turn of the event loop still joins.
    if (this.#waiting.length >= enough) this.#soon ??= setImmediate(() => this.#flush());
    else this.#timer ??= setTimeout(() => this.#flush(), this.#since + maxWaitMs - performance.now());
  }

  #flush(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#soon);
    this.#timer = undefined;
    this.#soon = undefined;
    const batch = this.#waiting.splice(0, this.#options.maxBatch);
    this.#running += 1;
    void this.#run(batch).finally(() => {
      this.#running -= 1;
      this.#schedule();
    });
  }

  async #run(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#commit(batch.map((waiting) => waiting.item));
      if (answers.length !== batch.length) throw new Error('A batch was not answered item by item');
      batch.forEach((waiting, index) => {
        waiting.resolve(answers[index] as Answer);
      });
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }
}
