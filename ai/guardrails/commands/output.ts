import { partOf } from '../parts.ts';
import { type Command, DOWNLOADED, EVERY_UNIT, hasUnknown, PIPE, programName, UNKNOWN } from './model.ts';
import { unescapeAnsi } from './sh-expand.ts';

/** What a command would write, as far as that can be known: hidden commands are mostly made of these few. */
export function outputOf(command: Command, input: string, files: ReadonlyMap<string, string>): string {
  const [first = '', ...args] = command.words;
  const name = programName(first);
  const here = command.redirects
    .filter(({ operator }) => operator === '<<' || operator === '<<<')
    .at(-1)?.target;
  const file = command.redirects.find(({ operator }) => operator === '<')?.target;
  const read =
    here ??
    (file === undefined
      ? input
      : file.startsWith(PIPE)
        ? file.slice(PIPE.length)
        : (files.get(file) ?? UNKNOWN));
  if (read.includes(EVERY_UNIT) && COLUMNS.has(name)) return EVERY_UNIT;
  return WRITERS[name]?.(args, read, files) ?? (DOWNLOADERS.has(name) ? DOWNLOADED : UNKNOWN);
}

/** Take columns or an order out of a list, and leave it whole. */
const COLUMNS: ReadonlySet<string> = new Set('awk gawk cut tr sort uniq sed xargs cat tail'.split(' '));

export const DOWNLOADERS: ReadonlySet<string> = new Set(
  'curl wget fetch lynx aria2c axel http https httpie lwp-download get xh curlie bitsadmin nc ncat netcat socat ftp tftp'.split(
    ' ',
  ),
);

type Writer = (args: readonly string[], input: string, files: ReadonlyMap<string, string>) => string;

const WRITERS: Readonly<Record<string, Writer>> = {
  echo: (args) => {
    const flags = args.findIndex((arg) => !/^-[neE]+$/.test(arg));
    const words = (flags === -1 ? [] : args.slice(flags)).join(' ');
    return args[0]?.startsWith('-') && args[0].includes('e') ? unescapeAnsi(words) : words;
  },
  'write-output': (args) => args.join('\n'),
  printf: (args) => {
    const [format = '', ...values] = args[0] === '--' ? args.slice(1) : args;
    let next = 0;
    const once = (): string =>
      unescapeAnsi(format).replace(/%(?:[-\d.]*)([sbdiqxcu%])/g, (_, kind: string) => {
        if (kind === '%') return '%';
        const value = partOf(values, next++);
        return kind === 'b' ? unescapeAnsi(value) : value;
      });
    let outcome = once();
    while (next > 0 && next < values.length && outcome.length < 65_536) outcome += once();
    return outcome;
  },
  cat: (args, input, files) => {
    const names = args.filter((arg) => !arg.startsWith('-'));
    return names.length === 0 ? input : names.map((name) => files.get(name) ?? UNKNOWN).join('');
  },
  tee: (_, input) => input,
  tac: (_, input) => input.split('\n').reverse().join('\n'),
  rev: (_, input) =>
    input
      .split('\n')
      .map((line) => [...line].reverse().join(''))
      .join('\n'),
  base64: (args, input, files) => decoded(args, /^(?:-[a-z]*d[a-z]*|--decode|-D)$/, input, files),
  base32: (args, input) =>
    args.some((arg) => /^(?:-d|--decode)$/.test(arg)) && !hasUnknown(input) ? fromBase32(input) : UNKNOWN,
  openssl: (args, input, files) =>
    args.some((arg) => /base64|^-a$/.test(arg)) ? decoded(args, /^-d$/, input, files) : UNKNOWN,
  xxd: (args, input) => (args.some((arg) => /^-\w*r/.test(arg)) ? fromHex(input) : UNKNOWN),
  tr: (args, input) => translate(args, input),
  sed: (args, input) => substitute(args, input),
  brew: (args) => (args[0] === '--cache' ? '/Users/user/Library/Caches/Homebrew' : UNKNOWN),
  uname: () => 'Linux',
  mktemp: () => '/tmp/tmp.eucora',
  pwd: () => UNKNOWN,
  whoami: () => 'user',
  dirname: ([path = '']) => path.replace(/\/[^/]*$/, '') || '/',
  basename: ([path = '']) => path.replace(/^.*\//, ''),
  which: ([name = '']) => `/usr/bin/${name}`,
  xargs: (args, input) => (args.length <= 1 ? input.trim() : UNKNOWN),
  gunzip: () => UNKNOWN,
  systemctl: (args) =>
    args.some((arg) => /^list-unit/.test(arg)) && args.filter((arg) => !arg.startsWith('-')).length === 1
      ? EVERY_UNIT
      : UNKNOWN,
};

export function fromBase64(text: string): string {
  const bytes = Buffer.from(text.replace(/\s/g, ''), 'base64');
  // PowerShell's are UTF-16LE: every second byte of plain text is 0.
  const wide =
    bytes.length >= 4 &&
    bytes.length % 2 === 0 &&
    bytes.filter((byte, index) => index % 2 === 1 && byte === 0).length >= bytes.length * 0.35;
  return bytes.toString(wide ? 'utf16le' : 'utf8');
}

function decoded(
  args: readonly string[],
  flag: RegExp,
  input: string,
  files: ReadonlyMap<string, string>,
): string {
  const file = args.find((arg) => !arg.startsWith('-') && files.has(arg));
  const source = file === undefined ? input : (files.get(file) ?? UNKNOWN);
  if (!args.some((arg) => flag.test(arg)) || hasUnknown(source))
    return source.includes(DOWNLOADED) ? DOWNLOADED : UNKNOWN;
  return fromBase64(source);
}

function fromHex(text: string): string {
  if (hasUnknown(text)) return UNKNOWN;
  return Buffer.from(text.replace(/\\x|0x|[^0-9a-fA-F]/g, ''), 'hex').toString('utf8');
}

function fromBase32(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...text.toUpperCase()]
    .filter((letter) => alphabet.includes(letter))
    .map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2))).toString('utf8');
}

function translate(args: readonly string[], input: string): string {
  if (hasUnknown(input)) return UNKNOWN;
  const sets = args.filter((arg) => !/^-[a-z]+$/i.test(arg)).map(setOf);
  const [from = '', to = ''] = sets;
  if (args.some((arg) => /^-\w*d/.test(arg)))
    return [...input].filter((letter) => !from.includes(letter)).join('');
  return [...input]
    .map((letter) =>
      from.includes(letter) ? (to[Math.min(from.indexOf(letter), to.length - 1)] ?? letter) : letter,
    )
    .join('');
}

function setOf(text: string): string {
  const classes = text
    .replaceAll('[:upper:]', 'A-Z')
    .replaceAll('[:lower:]', 'a-z')
    .replaceAll('[:space:]', ' \n\t')
    .replace(/^\[(.*)\]$/, '$1');
  return unescapeAnsi(classes).replace(/(.)-(.)/g, (_, a: string, b: string) => {
    const [start, end] = [a.charCodeAt(0), b.charCodeAt(0)];
    return end < start
      ? ''
      : Array.from({ length: end - start + 1 }, (_item, index) => String.fromCharCode(start + index)).join(
          '',
        );
  });
}

function substitute(args: readonly string[], input: string): string {
  if (hasUnknown(input)) return UNKNOWN;
  let text = input;
  for (const script of args.filter((arg) => !arg.startsWith('-'))) {
    const parts = /^s(.)((?:(?!\1).)*)\1((?:(?!\1).)*)\1([gi]*)$/.exec(script);
    if (parts === null) return UNKNOWN;
    try {
      text = text.replace(
        new RegExp(partOf(parts, 2), parts[4]?.includes('g') ? 'g' : ''),
        partOf(parts, 3).replace(/\$/g, '$$$$'),
      );
    } catch {
      return UNKNOWN;
    }
  }
  return text;
}
