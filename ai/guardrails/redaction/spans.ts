/** A part of a text that must not leave: half-open range, and what kind of thing it is. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly kind: string;
}

export type Detector = (text: string) => Iterable<Span>;

/** What of a match is secret: the group named `secret`, else all of it. Patterns need the flags `g` and `d`. */
export function* spansOf(
  text: string,
  pattern: RegExp,
  kind: string,
  accept: (value: string, match: RegExpExecArray) => boolean = () => true,
): Generator<Span> {
  for (const match of text.matchAll(pattern)) {
    const [start, end] = match.indices?.groups?.['secret'] ?? [match.index, match.index + match[0].length];
    if (end > start && accept(text.slice(start, end), match)) yield { start, end, kind };
  }
}

/** Overlapping spans become one, of the kind that was found first. */
export function merged(spans: readonly Span[]): Span[] {
  const outcome: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = outcome.at(-1);
    if (last === undefined || span.start >= last.end) outcome.push(span);
    else if (span.end > last.end) outcome[outcome.length - 1] = { ...last, end: span.end };
  }
  return outcome;
}
