/** Text that the platform can store: no NUL, no lone surrogates, at most `max` UTF-16 units. */
export function storable(text: string, max = Number.POSITIVE_INFINITY): string {
  const clean = text.replaceAll('\u0000', '\uFFFD');
  return (clean.length > max ? `${clean.slice(0, max - 1)}…` : clean).toWellFormed();
}
