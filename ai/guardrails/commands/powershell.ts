import { partOf } from '../parts.ts';
import { type Command, DOWNLOADED, type Pipeline, UNKNOWN } from './model.ts';

/**
 * Reads folded PowerShell as commands. Blocks and brackets are laid flat: what stands in them is read as pipelines of
 * their own, behind the commands whose output they get.
 */
export function readPowerShell(folded: string, take: (pipeline: Pipeline) => void): void {
  new Reader(folded, take).pipelines([], '');
}

const KEYWORDS = new Set(
  'if else elseif foreach for while do until switch try catch finally function filter return throw trap param begin process end in data workflow parallel sequence'.split(
    ' ',
  ),
);

class Reader {
  private readonly text: string;
  private readonly take: (pipeline: Pipeline) => void;
  private at = 0;
  private depth = 0;
  private called = false;

  constructor(text: string, take: (pipeline: Pipeline) => void) {
    this.text = text;
    this.take = take;
  }

  /** Until `close`; answers the commands of the last pipeline, for whoever gets their output. */
  pipelines(before: readonly Command[], close: string): Command[] {
    let commands: Command[] = [...before];
    let words: string[] = [];
    let last: Command[] = [];
    this.depth += 1;
    const endCommand = (): void => {
      const command = commandOf(words);
      if (command !== undefined) commands.push(command);
      words = [];
    };
    const endPipeline = (): void => {
      endCommand();
      if (commands.length > before.length) {
        this.take({ commands, background: false });
        last = commands;
      }
      commands = [...before];
    };
    while (this.at < this.text.length) {
      const character = partOf(this.text, this.at);
      if (character === close && close !== '') {
        this.at += 1;
        break;
      }
      if (
        /[;\n]/.test(character) ||
        this.text.startsWith('&&', this.at) ||
        this.text.startsWith('||', this.at)
      ) {
        this.at += character === '&' || character === '|' ? 2 : 1;
        endPipeline();
      } else if (character === '|') {
        this.at += 1;
        endCommand();
      } else if (character === '{' || character === '(') {
        const begun = this.at;
        this.at += 1;
        const nested =
          this.depth < 64
            ? this.pipelines(this.contextOf(commands, words, character), character === '{' ? '}' : ')')
            : [];
        if (character === '(') {
          words.push(UNKNOWN);
          // What the brackets wrote is what the command gets.
          if (nested.length > 0 && words.length > 1) commands.push(...nested);
        } else if (/^(?:where-object|where|\?)$/i.test(partOf(words, 0))) {
          // A filter says what is chosen.
          words.push(this.text.slice(begun, this.at));
        } else if (words.length === 0 || KEYWORDS.has(partOf(words, 0).toLowerCase())) words = [];
      } else if (/[)}]/.test(character)) {
        this.at += 1;
        endPipeline();
      } else if (/\s/.test(character)) this.at += 1;
      else if (character === ',') this.at += 1;
      else if (
        character === '&' ||
        (character === '.' && /[\s'"$(]/.test(partOf(this.text, this.at + 1)) && words.length === 0)
      ) {
        this.at += 1;
        this.called = true;
      } else {
        // A text that stands alone is written; with `&` or `.` before it, it names what is run.
        if (words.length === 0 && character === "'" && !this.called) words.push('write-output');
        this.called = false;
        words.push(this.word());
      }
    }
    endPipeline();
    this.depth -= 1;
    return last;
  }

  /** A block gets what comes down the pipe; brackets stand for themselves. */
  private contextOf(commands: readonly Command[], words: readonly string[], open: string): Command[] {
    if (open === '(') return [];
    return words.length > 0 ? [...commands, { words, redirects: [] }] : [...commands];
  }

  private word(): string {
    let outcome = '';
    while (this.at < this.text.length) {
      const character = partOf(this.text, this.at);
      if (character === "'") {
        const end = /'((?:[^']|'')*)(?:'|$)/y;
        end.lastIndex = this.at;
        const match = end.exec(this.text);
        outcome += (match?.[1] ?? '').replaceAll("''", "'");
        this.at += match?.[0].length ?? 1;
        // Two strings side by side are two words.
        if (this.text[this.at] === "'") break;
      } else if (/[\s;|{}(),]/.test(character)) break;
      else if (character === '$') {
        const name =
          /^\$(?:\{[^}]*\}|[\w:?^$]+|\(|$)/.exec(this.text.slice(this.at, this.at + 128))?.[0] ?? '$';
        outcome += UNKNOWN;
        this.at += name.endsWith('(') ? name.length - 1 : name.length;
        if (name.endsWith('(')) break;
      } else {
        outcome += character;
        this.at += 1;
      }
    }
    return outcome;
  }
}

/** `$x = Get-Item y` is Get-Item y; `-Path:C:\` is two words; numbers and values alone are no commands. */
function commandOf(raw: readonly string[]): Command | undefined {
  let words = raw.flatMap((word) => {
    const parameter = /^(-[A-Za-z]\w*):(.+)$/s.exec(word);
    return parameter === null ? [word] : [partOf(parameter, 1), partOf(parameter, 2)];
  });
  const assignment = words.findIndex((word) => /^[+*/-]?=$/.test(word));
  if (assignment !== -1 && assignment <= 2) words = words.slice(assignment + 1);
  const joined = /^[\u0001]=(.*)$/s.exec(partOf(words, 0));
  if (joined !== null) words = [partOf(joined, 1), ...words.slice(1)];
  while (KEYWORDS.has(partOf(words, 0).toLowerCase())) words = words.slice(1);
  const redirects: { operator: '>' | '>>'; target: string }[] = [];
  words = words.filter((word, index) => {
    if (/^\d?>>?$/.test(partOf(words, index - 1))) {
      redirects.push({ operator: partOf(words, index - 1).includes('>>') ? '>>' : '>', target: word });
      return false;
    }
    return !/^\d?>>?$/.test(word);
  });
  return words.length === 0 || (words.length === 1 && words[0] === UNKNOWN) || words[0] === DOWNLOADED
    ? words[0] === DOWNLOADED
      ? { words: ['invoke-webrequest'], redirects: [] }
      : undefined
    : { words, redirects };
}
