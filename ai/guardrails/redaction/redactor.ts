import type { Redactions } from '../../../contracts/incident/ai.ts';
import { ipAddresses } from './addresses.ts';
import { assignments } from './assignments.ts';
import { handedOver } from './commands.ts';
import { personalData } from './personal.ts';
import { type Detector, merged, type Span } from './spans.ts';
import { vendorTokens } from './vendors.ts';

export interface Redactor {
  /** The text with every secret replaced by `[KIND_n]`; a text without any comes back as it is. */
  redact(text: string): string;
  /** How many different secrets of each kind were found so far. */
  counts(): Redactions;
}

export interface RedactorOptions {
  /** Takes out addresses of machines, too. */
  readonly ipAddresses?: boolean;
}

/** What a value must be like to be looked for elsewhere in the text, where nothing marks it. */
const MIN_REPEATED = 4;
const OUR_PLACEHOLDER = /\[[A-Z_]+_\d+\]/g;
/** What was hidden behind a secret shows once that is gone; two rounds are enough nearly always. */
const MAX_ROUNDS = 6;
/** Names that are words as well: they are taken out of paths, but stay where they may be meant as words. */
const COMMON_WORD =
  /^(?:install|system|windows|desktop|program|python|config|server|local|remote|home|update|package|client|office|agent|support|temp|work|code)$/i;

/**
 * One for each incident: the same secret gets the same placeholder in all its texts, and the number says nothing
 * about the secret, not even to one who guesses.
 */
export function createRedactor({ ipAddresses: addresses = false }: RedactorOptions = {}): Redactor {
  const detectors: readonly Detector[] = [
    vendorTokens,
    handedOver,
    assignments,
    personalData,
    ...(addresses ? [ipAddresses] : []),
  ];
  const placeholders = new Map<string, string>();
  const kinds = new Map<string, string>();
  const numbers = new Map<string, number>();

  function placeholderOf(value: string, kind: string): string {
    const known = placeholders.get(value);
    if (known !== undefined) return known;
    const number = (numbers.get(kind) ?? 0) + 1;
    numbers.set(kind, number);
    const placeholder = `[${kind}_${number}]`;
    placeholders.set(value, placeholder);
    kinds.set(value, kind);
    return placeholder;
  }

  function find(text: string): Span[] {
    const ours = [...text.matchAll(OUR_PLACEHOLDER)].map(
      ({ 0: { length }, index }) => [index, index + length] as const,
    );
    const isOurs = ({ start, end }: Span): boolean => ours.some(([from, to]) => start < to && end > from);
    const marked = merged(
      detectors.flatMap((detector) => [...detector(text)]).filter((span) => !isOurs(span)),
    );
    for (const { start, end, kind } of marked) placeholderOf(text.slice(start, end), kind);
    const repeated = [...placeholders.keys()]
      .flatMap((value) => [...occurrences(text, value, kinds.get(value) ?? '')])
      .filter((span) => !isOurs(span));
    return merged([...marked, ...repeated]);
  }

  function once(text: string): string {
    let outcome = '';
    let from = 0;
    for (const { start, end, kind } of find(text)) {
      outcome += text.slice(from, start) + placeholderOf(text.slice(start, end), kind);
      from = end;
    }
    return outcome + text.slice(from);
  }

  return {
    redact(text) {
      let outcome = text;
      for (let round = 0; round < MAX_ROUNDS; round += 1) {
        const next = once(outcome);
        if (next === outcome) break;
        outcome = next;
      }
      return outcome;
    },
    counts: () => Object.fromEntries(numbers),
  };
}

/** Where a secret that was found stands once more, as a word of its own. */
function* occurrences(text: string, value: string, kind: string): Generator<Span> {
  const least = kind === 'USER' ? 3 : MIN_REPEATED;
  if (value.length < least || COMMON_WORD.test(value) || (kind === 'SECRET' && /^\d{1,5}$/.test(value)))
    return;
  const edge = (character: string | undefined): boolean =>
    character === undefined || !/[A-Za-z0-9_]/.test(character);
  for (let at = text.indexOf(value); at !== -1; at = text.indexOf(value, at + value.length)) {
    const end = at + value.length;
    const longForm = value.length >= 12;
    if (longForm || (edge(text[at - 1]) && edge(text[end]))) yield { start: at, end, kind };
  }
}
