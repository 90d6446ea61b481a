import type { TelemetrySample } from '../../contracts/telemetry/telemetry.ts';
import type { Outbox } from './outbox.ts';
import type { Entry } from './records.ts';

export interface Batch {
  readonly entries: readonly Entry[];
  readonly samples: TelemetrySample[];
}

/** Room for what surrounds the samples in a body. */
const ENVELOPE_BYTES = 64;

/** Cuts waiting telemetry into bodies that the platform takes. */
export class TelemetryBatch {
  readonly #outbox: Outbox;
  readonly #limits: () => { readonly max_telemetry_batch: number; readonly max_body_bytes: number };
  /** Samples up to this number are sent one by one, since one of them was refused with its batch. */
  #singlyUpTo = 0;

  constructor(
    outbox: Outbox,
    limits: () => { readonly max_telemetry_batch: number; readonly max_body_bytes: number },
  ) {
    this.#outbox = outbox;
    this.#limits = limits;
  }

  /** The oldest samples that fit one request; undefined when none waits. */
  async next(): Promise<Batch | undefined> {
    const { max_telemetry_batch, max_body_bytes } = this.#limits();
    const candidates = this.#outbox.oldest(['telemetry'], Math.max(1, max_telemetry_batch));
    if (candidates.length === 0) return undefined;
    const entries: Entry[] = [];
    const samples: TelemetrySample[] = [];
    let bytes = ENVELOPE_BYTES;
    for (const entry of candidates) {
      const alone = entry.sequence <= this.#singlyUpTo || (candidates[0]?.sequence ?? 0) <= this.#singlyUpTo;
      if (entries.length > 0 && (alone || bytes + entry.bytes > max_body_bytes)) break;
      const record = await this.#outbox.read(entry);
      entries.push(entry);
      bytes += entry.bytes;
      if (record?.kind === 'telemetry') samples.push(record.sample);
    }
    return { entries, samples };
  }

  /** After a refusal: from now on one by one, up to the end of this batch. False when it was one already. */
  narrow(batch: Batch): boolean {
    if (batch.entries.length === 1) return false;
    this.#singlyUpTo = batch.entries.at(-1)?.sequence ?? 0;
    return true;
  }
}
