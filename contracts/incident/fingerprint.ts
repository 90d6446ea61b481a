/**
 * What stays of an error text when everything is taken out that differs from device to device: texts that are alike
 * after this are the same failure.
 */

const MAX_INPUT = 4_096;
const MAX_OUTPUT = 400;

/**
 * In this order: what is wider goes first, so that its parts are not taken for something else. Repetitions are bounded,
 * for devices say what they like.
 */
const REPLACEMENTS: readonly (readonly [RegExp, string])[] = [
  // Colours and cursor movements of terminals.
  [/\u001b\[[0-9;?]*[A-Za-z]/g, ''],
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?( ?(Z|[+-]\d\d:?\d\d))?/g, '<time>'],
  [/\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? [^\n]{0,30}?\d\d:\d\d:\d\d( [A-Z]{3,4})?( \d{4})?/g, '<time>'],
  [/\b\d{1,2}[/.]\d{1,2}[/.]\d{4}( \d{1,2}:\d\d(:\d\d)?( ?[AP]M)?)?/gi, '<time>'],
  [/\b\d{1,2}:\d\d(:\d\d)?([.,]\d+)?( ?[AP]M)?\b/gi, '<time>'],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '<id>'],
  [/\bS-1-\d+(-\d+)+\b/g, '<id>'],
  [/\b[a-z][a-z0-9+.-]{1,15}:\/\/[^\s"'<>)\]]+/gi, '<url>'],
  [/\b[\w.+-]{1,64}@[\w-]{1,63}(\.[\w-]{1,63}){1,8}\b/g, '<email>'],
  // Paths of Windows (drive, UNC) and of Unix.
  [/\b[a-z]:\\[^\s"'<>|:,;]*/gi, '<path>'],
  [/\\\\[\w.$-]+(\\[^\s"'<>|:,;]*)?/g, '<path>'],
  [/(?<![\w<>])(\.{0,2}|~)(\/[^\s"'`<>|:,;()[\]]+)+\/?/g, '<path>'],
  [/\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b/gi, '<mac>'],
  [/\b\d{1,3}(\.\d{1,3}){3}(:\d{1,5})?\b/g, '<host>'],
  [/(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![\w:])/gi, '<host>'],
  [
    /\b(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}(?:com|net|org|io|dev|local|lan|corp|internal|home|intra|cloud|invalid|example|test|de|ch|eu|uk|fr|us)\b(:\d{1,5})?/gi,
    '<host>',
  ],
  // Names that machines are given by themselves, and what is said to be a host.
  [/\b(?:DESKTOP|LAPTOP|WIN|PC|HOST|SRV|SERVER|NODE|VM|IP)-[A-Z0-9][A-Z0-9-]*\b/gi, '<host>'],
  [
    /\b((?:host(?:name)?|server|machine|computer|device)(?: name)?[ =:]+["']?)(?:<\w+>|[\w-]*\d[\w.-]*)/gi,
    '$1<host>',
  ],
  // Codes that say what went wrong stay, as 0x80070005 and error numbers of installers do in their own field.
  [/\b0x[0-9a-f]{9,}\b/gi, '<hex>'],
  [/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,}\b/gi, '<hex>'],
  // Versions, with the letters that they hold.
  [/\b\d+(?:[.:~+-]\w+)+/g, '<n>'],
  [/(?<!0x[0-9a-f]{0,8})(?!0x)\d+(?:[.,]\d+)*/gi, '<n>'],
  [/(<n>[.~+:-]?)+/g, '<n>'],
  [/\s+/g, ' '],
];

/** @returns at most 400 characters, in which numbers, paths, ids, hexadecimals, times and hosts have placeholders */
export function normaliseError(text: string): string {
  const whole = REPLACEMENTS.reduce(
    (rest, [pattern, placeholder]) => rest.replace(pattern, placeholder),
    text.slice(0, MAX_INPUT),
  );
  return whole.trim().toLowerCase().slice(0, MAX_OUTPUT).toWellFormed();
}

/** The exit code that an error text of an agent names, as `dpkg failed (exit code 1): …`. */
export function exitCodeIn(text: string): number | null {
  const found = /\bexit (?:code|status)[ :=]*(-?\d{1,10}|0x[0-9a-f]{1,8})\b/i.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}
