/** Controls, and marks that turn the direction of text: agents' words must not drive the operator's terminal. */
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Text that is safe to print; line breaks and tabs stay. */
export function clean(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(UNSAFE, escaped);
}

/** Safe, and on one line. */
export function cleanLine(text: string): string {
  return clean(text).replace(/[\n\t]+/g, ' ');
}

/** JSON on one line; what a terminal would act on is escaped, the value is the same. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value ?? null, undefined, indent).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    escaped,
  );
}

export function truncate(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
