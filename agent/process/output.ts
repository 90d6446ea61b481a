import { storable } from '../text.ts';

/** Keeps the beginning and the end of a program's output; errors tend to stand at the end. */
export class OutputBuffer {
  readonly #half: number;
  readonly #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer = Buffer.alloc(0);
  #total = 0;

  constructor(maxBytes: number) {
    this.#half = Math.floor(maxBytes / 2);
  }

  add(part: Buffer): void {
    this.#total += part.length;
    const forHead = Math.min(this.#half - this.#headBytes, part.length);
    if (forHead > 0) {
      this.#head.push(part.subarray(0, forHead));
      this.#headBytes += forHead;
    }
    if (forHead < part.length) {
      const joined = Buffer.concat([this.#tail, part.subarray(forHead)]);
      this.#tail = joined.subarray(Math.max(0, joined.length - this.#half));
    }
  }

  get truncated(): boolean {
    return this.#total > this.#headBytes + this.#tail.length;
  }

  text(): string {
    const left = this.#total - this.#headBytes - this.#tail.length;
    if (left === 0) return storable(Buffer.concat([...this.#head, this.#tail]).toString('utf8'));
    const head = Buffer.concat(this.#head).toString('utf8');
    return storable(`${head}\n[… ${left} bytes left out …]\n${this.#tail.toString('utf8')}`);
  }
}
