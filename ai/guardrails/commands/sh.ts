import { partOf } from '../parts.ts';
import {
  type Command,
  newState,
  type Pipeline,
  type Redirect,
  type ShellHost,
  type ShellState,
} from './model.ts';
import { expandHereDocument, expandOne, expandWord } from './sh-expand.ts';
import { skipBrackets, skipWord } from './sh-scan.ts';

/** Words that steer; the commands between them are all looked at, whichever would run. */
const STEERING = new Set('if then elif else fi while until do done esac in ! time { } coproc'.split(' '));
const OPERATOR = /^(?:&&|\|\||;;&?|;&|\|&|[;&|()\n])/;
const REDIRECT = /^(\d+|&|\{\w+\})?(<<<|<<-?|<>|>>|>\||>&|<&|&>>|&>|[<>])/;
const ASSIGNMENT = /^([A-Za-z_]\w*)(\[[^\]]*\])?(\+?)=/;

interface HereDocument {
  readonly delimiter: string;
  readonly literal: boolean;
  readonly strip: boolean;
  readonly fill: (text: string) => void;
}

/**
 * Works through a script as a POSIX shell or bash would, and hands on each pipeline with its words expanded.
 * Control flow is laid flat: every branch is looked at, loops once for each word of their list.
 */
export function readShell(
  script: string,
  state: ShellState,
  host: ShellHost,
  take: (pipeline: Pipeline) => void,
): void {
  new Shell(script.replace(/\r\n/g, '\n'), state, host, take).run();
}

class Shell {
  private readonly text: string;
  private readonly state: ShellState;
  private readonly host: ShellHost;
  private readonly take: (pipeline: Pipeline) => void;
  private at = 0;
  private commands: Command[] = [];
  private words: string[] = [];
  private redirects: Redirect[] = [];
  private readonly documents: HereDocument[] = [];
  private expectsPattern = false;

  constructor(text: string, state: ShellState, host: ShellHost, take: (pipeline: Pipeline) => void) {
    this.text = text;
    this.state = state;
    this.host = host;
    this.take = take;
  }

  run(): void {
    while (this.at < this.text.length) this.step();
    this.endPipeline(false);
  }

  private step(): void {
    this.host.step();
    const rest = this.text.slice(this.at, this.at + 64);
    const blank = /^(?:[ \t\r]|\\\n)+/.exec(rest)?.[0];
    if (blank !== undefined) {
      this.at += blank.length;
      return;
    }
    if (rest.startsWith('#')) {
      const end = this.text.indexOf('\n', this.at);
      this.at = end === -1 ? this.text.length : end;
      return;
    }
    const redirect = /^[<>]\(/.test(rest) ? null : REDIRECT.exec(rest);
    if (redirect !== null) {
      this.redirect(redirect);
      return;
    }
    if (rest.startsWith('((') && this.words.length === 0) {
      this.at = skipBrackets(this.text, this.at, ')');
      return;
    }
    const operator = OPERATOR.exec(rest)?.[0];
    if (operator !== undefined) {
      this.at += operator.length;
      this.operator(operator);
      return;
    }
    this.word();
  }

  private operator(operator: string): void {
    if (operator === '|' || operator === '|&') this.endCommand();
    else if (operator === '(' && this.words.length === 1 && /^\s*\)/.test(this.text.slice(this.at))) {
      this.at = this.text.indexOf(')', this.at) + 1;
      this.defineFunction(partOf(this.words, 0));
      this.words = [];
    } else if (operator === ')' && this.expectsPattern) {
      // What stood before was a pattern of `case`.
      this.words = [];
      this.commands = [];
      this.expectsPattern = false;
    } else {
      this.endPipeline(operator === '&');
      if (operator.startsWith(';;') || operator === ';&') this.expectsPattern = true;
      if (operator === '\n') this.readDocuments();
    }
  }

  private word(): void {
    const end = Math.max(skipWord(this.text, this.at), this.at + 1);
    const raw = this.text.slice(this.at, end);
    this.at = end;
    if (this.words.length === 0) {
      if (STEERING.has(raw)) {
        if (raw === 'esac') this.expectsPattern = false;
        return;
      }
      if (raw === 'case') {
        this.caseHead();
        return;
      }
      if (raw === 'for' || raw === 'select') {
        this.loop();
        return;
      }
      if (raw === 'function') {
        const name = /^\s*([^\s(){}]+)\s*(?:\(\s*\))?/.exec(this.text.slice(this.at));
        if (name !== null) {
          this.at += name[0].length;
          this.defineFunction(partOf(name, 1));
          return;
        }
      }
      if (ASSIGNMENT.test(raw)) {
        this.assign(raw);
        return;
      }
    }
    const expanded = expandWord(raw, this.state, this.host);
    const alias = this.words.length === 0 ? this.state.aliases.get(partOf(expanded, 0)) : undefined;
    if (alias !== undefined) {
      const words = alias.split(/\s+/).filter((part) => part !== '');
      this.words.push(
        ...words.flatMap((part) => expandWord(part, this.state, this.host)),
        ...expanded.slice(1),
      );
    } else this.words.push(...expanded);
  }

  private assign(raw: string): void {
    const [head = '', name = '', index = '', plus = ''] = ASSIGNMENT.exec(raw) ?? [];
    if (raw[head.length] === '(') {
      const items = raw.slice(head.length + 1, -1);
      const values = wordsOf(items, this.state, this.host);
      this.state.variables.set(name, partOf(values, 0));
      this.state.variables.set(`${name}[@]`, values.join(' ')).set(`${name}[*]`, values.join(' '));
      for (const [position, value] of values.entries())
        this.state.variables.set(`${name}[${position}]`, value);
      return;
    }
    const value = expandOne(raw.slice(head.length), this.state, this.host);
    const key = `${name}${index === '[0]' ? '' : index}`;
    this.state.variables.set(key, plus === '+' ? (this.state.variables.get(key) ?? '') + value : value);
  }

  private caseHead(): void {
    const head = /^[\s\S]*?\sin(?=\s)/.exec(this.text.slice(this.at));
    if (head !== null) this.at += head[0].length;
    this.expectsPattern = true;
  }

  /** `for x in a b c`: the body is read once for each word. */
  private loop(): void {
    const rest = this.text.slice(this.at);
    const head = /^\s*([A-Za-z_]\w*)\s+in\s+([^\n;]*)[\n;]\s*do(?=\s)/.exec(rest);
    if (head === null) {
      const name = /^\s*([A-Za-z_]\w*)/.exec(rest)?.[1];
      if (name !== undefined) this.at += rest.indexOf(name) + name.length;
      return;
    }
    const [whole, name = '', list = ''] = head;
    const start = this.at + whole.length;
    const end = endOfLoop(this.text, start);
    const body = this.text.slice(start, end);
    this.at = end + 'done'.length;
    for (const value of wordsOf(list, this.state, this.host).slice(0, 32)) {
      this.state.variables.set(name, value);
      readShell(body, this.state, this.host, this.take);
    }
  }

  private defineFunction(name: string): void {
    const open = /^\s*([{(])/.exec(this.text.slice(this.at));
    if (open === null) return;
    const start = this.at + open[0].length - 1;
    const end = skipBrackets(this.text, start, open[1] === '{' ? '}' : ')');
    this.state.functions.set(name, this.text.slice(start + 1, end - 1));
    this.at = end;
  }

  private redirect(match: RegExpExecArray): void {
    const [whole, , sign = '>'] = match;
    this.at += whole.length;
    this.at += /^[ \t]*/.exec(this.text.slice(this.at))?.[0].length ?? 0;
    const end = skipWord(this.text, this.at);
    const raw = this.text.slice(this.at, end);
    this.at = end;
    if (sign === '<<' || sign === '<<-') {
      const { redirects } = this;
      this.documents.push({
        delimiter: raw.replace(/["'\\]/g, ''),
        literal: /["'\\]/.test(raw),
        strip: sign === '<<-',
        fill: (target) => redirects.push({ operator: '<<', target }),
      });
      // On the same line a pipe may follow: the text is needed before it is judged.
      this.readDocumentsAhead();
      return;
    }
    const target = expandOne(raw, this.state, this.host);
    const operator = sign.includes('>>')
      ? '>>'
      : sign === '<<<'
        ? '<<<'
        : sign === '>&' || sign === '<&'
          ? '>&'
          : sign === '<>'
            ? '<>'
            : sign.includes('>')
              ? '>'
              : '<';
    this.redirects.push({ operator, target });
  }

  private documentAt: number | undefined;

  private readDocumentsAhead(): void {
    const from = this.documentAt ?? this.text.indexOf('\n', this.at) + 1;
    if (from === 0) {
      this.documents.length = 0;
      return;
    }
    let position = from;
    for (const document of this.documents.splice(0)) position = this.readDocument(document, position);
    this.documentAt = position;
  }

  private readDocument(document: HereDocument, from: number): number {
    const lines: string[] = [];
    let position = from;
    while (position < this.text.length) {
      const newline = this.text.indexOf('\n', position);
      const end = newline === -1 ? this.text.length : newline;
      const line = this.text.slice(position, end);
      position = end + 1;
      const bare = document.strip ? line.replace(/^\t+/, '') : line;
      if (bare.trimEnd() === document.delimiter) break;
      lines.push(bare);
    }
    const text = lines.join('\n');
    document.fill(document.literal ? text : expandHereDocument(text, this.state, this.host));
    return Math.min(position, this.text.length);
  }

  /** At the end of a line: goes on after the here-documents that were read ahead. */
  private readDocuments(): void {
    if (this.documentAt !== undefined) this.at = Math.max(this.at, this.documentAt);
    this.documentAt = undefined;
  }

  private endCommand(): void {
    if (this.words.length > 0 || this.redirects.length > 0)
      this.commands.push({ words: this.words.length > 0 ? this.words : [':'], redirects: this.redirects });
    this.words = [];
    this.redirects = [];
  }

  private endPipeline(background: boolean): void {
    this.endCommand();
    if (this.commands.length > 0) this.take({ commands: this.commands, background });
    this.commands = [];
  }
}

function endOfLoop(text: string, from: number): number {
  let depth = 1;
  for (const match of text.slice(from).matchAll(/(?:^|[\s;&|])(do|done)(?=$|[\s;&|)<>])/g)) {
    depth += match[1] === 'do' ? 1 : -1;
    if (depth === 0) return from + match.index + match[0].length - 'done'.length;
  }
  return text.length;
}

function wordsOf(text: string, state: ShellState, host: ShellHost): string[] {
  const words: string[] = [];
  for (let at = 0; at < text.length; ) {
    if (/[\s;&|()<>]/.test(partOf(text, at))) at += 1;
    else {
      const end = Math.max(skipWord(text, at), at + 1);
      words.push(...expandWord(text.slice(at, end), state, host));
      at = end;
    }
  }
  return words;
}

/** What a shell starts with; a home, so that `~` and `$HOME` are known for what they are. */
export function shellState(): ShellState {
  return newState([
    ['HOME', '/home/user'],
    ['TMPDIR', '/tmp'],
    ['USER', 'user'],
    ['LOGNAME', 'user'],
    ['SHELL', '/bin/sh'],
    ['PATH', '/usr/local/bin:/usr/bin:/bin'],
    ['IFS', ' \t\n'],
  ]);
}
