/**
 * Randomness without state: what agent 17 does with its third task is the same number in every run with the same seed,
 * in whatever order answers come.
 */

/** What a number is drawn for; different purposes never share a number. */
export const PURPOSES = [
  'platform',
  'hardware',
  'instance',
  'heartbeat',
  'telemetry',
  'measurement',
  'absence',
  'task',
  'target',
  'return',
  'backoff',
] as const;
export type Purpose = (typeof PURPOSES)[number];

const PURPOSE_NUMBER: Readonly<Record<Purpose, number>> = Object.fromEntries(
  PURPOSES.map((purpose, index) => [purpose, index + 1]),
) as Record<Purpose, number>;

export class Chance {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = mix(seed | 0, 0x9e3779b9);
  }

  /** 32 bits, the same for the same arguments. */
  bits(purpose: Purpose, who: number, turn = 0): number {
    return finish(mix(mix(mix(this.#seed, PURPOSE_NUMBER[purpose]), who), turn)) >>> 0;
  }

  /** A number in [0, 1). */
  fraction(purpose: Purpose, who: number, turn = 0): number {
    return this.bits(purpose, who, turn) / 4_294_967_296;
  }

  /** A number in [least, most). */
  between(least: number, most: number, purpose: Purpose, who: number, turn = 0): number {
    return least + (most - least) * this.fraction(purpose, who, turn);
  }

  /** A UUID of version 4 by its looks. */
  uuid(purpose: Purpose, who: number, turn = 0): string {
    const hex = [0, 1, 2, 3]
      .map((part) =>
        this.bits(purpose, who, turn * 4 + part)
          .toString(16)
          .padStart(8, '0'),
      )
      .join('');
    const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 3) | 8).toString(16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}

/** The round of MurmurHash3, which spreads each bit of its inputs over all of its output. */
function mix(state: number, value: number): number {
  let k = Math.imul(value, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  let h = state ^ Math.imul(k, 0x1b873593);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

function finish(state: number): number {
  let h = state;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
