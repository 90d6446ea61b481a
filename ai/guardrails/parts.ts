/** One part of a match or of a list of words; nothing where there is none. */
export const partOf = (parts: ArrayLike<string | undefined>, index: number): string => parts[index] ?? '';
