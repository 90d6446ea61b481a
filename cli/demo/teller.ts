import pc from 'picocolors';
import type { LineSink } from '../platform/console.ts';

/** A step of the demo that did not go as it must. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}

/** Prints what happens as it happens, and keeps count of what was seen. */
export class Teller {
  readonly #sink: LineSink;
  readonly #signal: AbortSignal;
  readonly #seen: { title: string; ok: boolean }[] = [];

  constructor(sink: LineSink, signal: AbortSignal) {
    this.#sink = sink;
    this.#signal = signal;
  }

  line(text = ''): void {
    this.#sink.write(`${text}\n`);
  }

  /** A fact under the present step. */
  fact(text: string): void {
    this.line(`    ${text}`);
  }

  /**
   * Runs one step; its failure is told and does not keep the others from running.
   * @throws the signal's reason once it has fired: no step has failed by that
   */
  async step(title: string, work: () => Promise<void>): Promise<boolean> {
    this.#signal.throwIfAborted();
    this.line(`\n${pc.bold(`▸ ${title}`)}`);
    const begun = performance.now();
    try {
      await work();
      this.line(
        `  ${pc.green('✓ seen')} ${pc.dim(`(${((performance.now() - begun) / 1_000).toFixed(1)} s)`)}`,
      );
      this.#seen.push({ title, ok: true });
      return true;
    } catch (error) {
      this.#signal.throwIfAborted();
      this.line(`  ${pc.red('✗ not seen:')} ${error instanceof Error ? error.message : String(error)}`);
      this.#seen.push({ title, ok: false });
      return false;
    }
  }

  /** @returns whether every step was seen */
  conclude(): boolean {
    const missing = this.#seen.filter(({ ok }) => !ok);
    this.line();
    this.line(
      missing.length === 0
        ? pc.green(`All ${this.#seen.length} steps were seen.`)
        : pc.red(
            `${missing.length} of ${this.#seen.length} steps were not seen: ${missing.map(({ title }) => title).join('; ')}.`,
          ),
    );
    return missing.length === 0;
  }
}

const POLL_MS = 250;

/**
 * Asks until the answer is there.
 *
 * @param what is waited for, asked when it was in vain
 * @throws DemoError after `timeoutMs`; the signal's reason when it fires
 */
export async function until<T>(
  what: string | (() => string),
  timeoutMs: number,
  signal: AbortSignal,
  probe: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > deadline)
      throw new DemoError(`${typeof what === 'string' ? what : what()}: not within ${timeoutMs / 1_000} s`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
