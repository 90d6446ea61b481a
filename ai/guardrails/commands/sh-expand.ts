import { partOf } from '../parts.ts';
import { type ShellHost, type ShellState, UNKNOWN } from './model.ts';
import {
  expandBraces,
  skipAnsi,
  skipBackticks,
  skipBrackets,
  skipDollar,
  skipDouble,
  skipSingle,
} from './sh-scan.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\u0007',
  b: '\b',
  f: '\f',
  v: '\v',
  e: '\u001b',
  E: '\u001b',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '?': '?',
};

/** Escapes as $'…', printf and echo -e know them. */
export function unescapeAnsi(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|0?([0-7]{1,3})|c(.)|([\s\S]))/g,
    (
      whole,
      hex?: string,
      short?: string,
      long?: string,
      octal?: string,
      control?: string,
      other?: string,
    ) => {
      const code = hex ?? short ?? long;
      if (code !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10ffff));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
      if (control !== undefined) return '';
      return ESCAPES[other ?? ''] ?? whole;
    },
  );
}

/** Raw word to the words that the command gets: none, one, or several where an unquoted value has blanks. */
export function expandWord(raw: string, state: ShellState, host: ShellHost): string[] {
  return expandBraces(raw).flatMap((one) => new Expansion(one, state, host).fields());
}

/** As in assignments and redirections: always one. */
export function expandOne(raw: string, state: ShellState, host: ShellHost): string {
  return new Expansion(raw, state, host).text();
}

/** The text of an unquoted here-document. */
export function expandHereDocument(raw: string, state: ShellState, host: ShellHost): string {
  return new Expansion('', state, host).quotedText(raw);
}

class Expansion {
  private readonly raw: string;
  private readonly state: ShellState;
  private readonly host: ShellHost;
  private readonly done: string[] = [];
  private current = '';
  /** A word of empty quotes is a word. */
  private isWord = false;

  constructor(raw: string, state: ShellState, host: ShellHost) {
    this.raw = raw;
    this.state = state;
    this.host = host;
  }

  fields(): string[] {
    this.run(true);
    if (this.isWord || this.current !== '') this.done.push(this.current);
    return this.done;
  }

  text(): string {
    this.run(false);
    return this.current;
  }

  private run(split: boolean): void {
    const { raw } = this;
    for (let at = 0; at < raw.length; ) {
      const character = raw[at];
      let end = at + 1;
      if (character === '\\') {
        end = at + 2;
        if (raw[at + 1] !== '\n') this.literal(partOf(raw, at + 1));
      } else if (character === "'") {
        end = skipSingle(raw, at);
        this.literal(raw.slice(at + 1, raw[end - 1] === "'" && end - 1 > at ? end - 1 : end));
      } else if (character === '"' && /^"\$(?:@|\{@\}|\{\w+\[@\]\})"/.test(raw.slice(at, at + 64))) {
        // The one expansion that stays several words in quotes.
        end = skipDouble(raw, at);
        this.value(this.expansion(raw.slice(at + 1, end - 1)), split);
      } else if (character === '"') {
        end = skipDouble(raw, at);
        this.literal(
          this.quotedText(raw.slice(at + 1, raw[end - 1] === '"' && end - 1 > at ? end - 1 : end)),
        );
      } else if (character === '`') {
        end = skipBackticks(raw, at);
        this.value(this.host.substitute(raw.slice(at + 1, end - 1).replace(/\\([`$\\])/g, '$1')), split);
      } else if (character === '$' && raw[at + 1] === "'") {
        end = skipAnsi(raw, at);
        this.literal(unescapeAnsi(raw.slice(at + 2, end - 1)));
      } else if (character === '$' && raw[at + 1] === '"') {
        end = skipDouble(raw, at + 1);
        this.literal(this.quotedText(raw.slice(at + 2, end - 1)));
      } else if (character === '$') {
        end = skipDollar(raw, at, false);
        if (end === at + 1) this.literal('$');
        else this.value(this.expansion(raw.slice(at, end)), split);
      } else if ((character === '<' || character === '>') && raw[at + 1] === '(') {
        end = skipBrackets(raw, at + 1, ')');
        // The name of a pipe; what runs there is judged, and what it writes may be run by the command.
        this.literal(`/dev/fd/63${this.host.substitute(raw.slice(at + 2, end - 1))}`);
      } else
        this.literal(
          character === '~' && at === 0 && /^~(?:\/|$)/.test(raw) ? '/home/user' : (character ?? ''),
        );
      at = Math.max(end, at + 1);
    }
  }

  private literal(text: string): void {
    this.current += text;
    this.isWord = true;
  }

  private value(text: string, split: boolean): void {
    if (!split) {
      this.current += text;
      return;
    }
    const separators = this.state.variables.get('IFS') ?? ' \t\n';
    const parts = text.split(new RegExp(`[${(separators || '\u0000').replace(/[\\\]^-]/g, '\\$&')}]+`));
    for (const [index, part] of parts.entries()) {
      if (index > 0 && (this.current !== '' || this.isWord)) {
        this.done.push(this.current);
        this.current = '';
        this.isWord = false;
      }
      this.current += part;
    }
  }

  quotedText(text: string): string {
    let outcome = '';
    for (let at = 0; at < text.length; ) {
      const character = text[at];
      let end = at + 1;
      if (character === '\\') {
        end = at + 2;
        const next = partOf(text, at + 1);
        outcome += '$`"\\'.includes(next) ? next : next === '\n' ? '' : `\\${next}`;
      } else if (character === '`') {
        end = skipBackticks(text, at);
        outcome += this.host.substitute(text.slice(at + 1, end - 1));
      } else if (character === '$') {
        end = skipDollar(text, at, true);
        outcome += end === at + 1 ? '$' : this.expansion(text.slice(at, end));
      } else outcome += character;
      at = Math.max(end, at + 1);
    }
    return outcome;
  }

  /** `$name`, `${…}`, `$(…)`, `$((…))` */
  private expansion(source: string): string {
    if (source.startsWith('$((')) return '1';
    if (source.startsWith('$(')) return this.host.substitute(source.slice(2, -1));
    if (!source.startsWith('${')) return this.lookUp(source.slice(1));
    const body = source.slice(2, -1);
    const parsed =
      /^(?<mark>[!#]?)(?<name>[A-Za-z_]\w*|[0-9@*#?$!-])(?<index>\[[^\]]*\])?(?<rest>[\s\S]*)$/.exec(
        body,
      )?.groups;
    if (parsed === undefined) return UNKNOWN;
    const { mark = '', name = '', index = '', rest = '' } = parsed;
    if (mark === '#') return String(this.lookUp(name).length);
    const value =
      mark === '!' ? this.lookUp(this.lookUp(name)) : this.lookUp(`${name}${index.replace(/^\[0\]$/, '')}`);
    return rest === '' ? value : this.operated(name, value, rest);
  }

  private operated(name: string, value: string, rest: string): string {
    const isSet = this.state.variables.has(name);
    const operand = (skip: number): string => this.quotedText(rest.slice(skip).replace(/^["']|["']$/g, ''));
    if (/^:?-/.test(rest)) return isSet && value !== '' ? value : operand(rest.startsWith(':') ? 2 : 1);
    if (/^:?=/.test(rest)) {
      const chosen = isSet && value !== '' ? value : operand(rest.startsWith(':') ? 2 : 1);
      this.state.variables.set(name, chosen);
      return chosen;
    }
    if (/^:?\+/.test(rest)) return operand(rest.startsWith(':') ? 2 : 1);
    // `${x:?}` ends the script when x is empty: what follows is never all there is.
    if (/^:?\?/.test(rest)) return isSet ? value : `${UNKNOWN}guarded`;
    const slice = /^:\s*(-?\d+|\(-\d+\))(?::(-?\d+))?$/.exec(rest);
    if (slice !== null) {
      const from = Number((slice[1] ?? '0').replace(/[()]/g, ''));
      const start = from < 0 ? value.length + from : from;
      const length = slice[2] === undefined ? value.length : Number(slice[2]);
      return value.slice(start, length < 0 ? length : start + length);
    }
    const replacement = /^(\/\/?)([^/]+)(?:\/([\s\S]*))?$/.exec(rest);
    if (replacement !== null) {
      const [, all, from = '', to = ''] = replacement;
      const pattern = new RegExp(globSource(this.quotedText(from)), all === '//' ? 'g' : '');
      return value.replace(pattern, () => this.quotedText(to.replace(/^["']|["']$/g, '')));
    }
    const cut = /^(##?|%%?)([\s\S]+)$/.exec(rest);
    if (cut !== null) return cutOff(value, partOf(cut, 1), globSource(this.quotedText(partOf(cut, 2))));
    if (/^\^\^/.test(rest)) return value.toUpperCase();
    if (/^,,/.test(rest)) return value.toLowerCase();
    if (/^@[A-Za-z]$/.test(rest)) return value;
    return UNKNOWN;
  }

  private lookUp(name: string): string {
    if (/^[?#!$]$/.test(name)) return '1';
    if (name === '0') return 'sh';
    return this.state.variables.get(name) ?? UNKNOWN;
  }
}

export function globSource(glob: string): string {
  const source = glob
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  try {
    new RegExp(source);
    return source;
  } catch {
    // A bracket that never closes stands for itself.
    return source.replace(/[[\]]/g, '\\$&');
  }
}

function cutOff(value: string, operator: string, source: string): string {
  const greedy = operator.length === 2 ? source : source.replaceAll('.*', '.*?');
  if (operator.startsWith('#')) return value.replace(new RegExp(`^${greedy}`, 's'), '');
  if (operator === '%%') return value.replace(new RegExp(`${source.replaceAll('.*', '.*')}$`, 's'), '');
  // The shortest tail: try from the end.
  const pattern = new RegExp(`^(?:${source})$`, 's');
  for (let at = value.length; at >= 0; at -= 1) if (pattern.test(value.slice(at))) return value.slice(0, at);
  return value;
}
