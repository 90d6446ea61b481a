/** Names of operators are one, however they are written; the database compares them likewise. */
export const sameName = (one: string, other: string): boolean =>
  one.trim().toLowerCase() === other.trim().toLowerCase();
