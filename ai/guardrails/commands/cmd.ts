import { partOf } from '../parts.ts';
import { type Command, newState, type Pipeline, type Redirect, type ShellState, UNKNOWN } from './model.ts';

/**
 * Works through a batch file as cmd.exe would: carets, quotes, %variables% with their substrings and replacements,
 * !delayed! ones, `&`, `|` and blocks. `for` and `if` are laid flat: their commands are looked at once.
 */
export function readCmd(script: string, state: ShellState, take: (pipeline: Pipeline) => void): void {
  const joined = script.replace(/\r\n?/g, '\n').replace(/\^\n/g, '');
  for (const line of joined.split('\n')) readLine(line, state, take);
}

const LOOP =
  /^(.*?)\bfor\s+((?:\/[dflr]\s*(?:"[^"]*"\s*|(?![/%])[^\s%]+\s+)?)*)%%?(\w)\s+in\s*\(([\s\S]*?)\)\s*do\s*\(?([\s\S]*)$/i;

function readLine(line: string, state: ShellState, take: (pipeline: Pipeline) => void): void {
  const text = line.trim().replace(/^[@\s]+/, '');
  if (/^(?:::|rem(?:\s|$)|:\w|#|echo\s)/i.test(text) && !(/^echo\s/i.test(text) && /[|&>]/.test(text)))
    return;
  const loop = LOOP.exec(text);
  if (loop !== null) {
    readLoop(loop, state, take);
    return;
  }
  for (const part of split(text)) {
    // Variables are put in when their line is read; delayed ones, and what a line sets before, when the part runs.
    const commands = part.pipeline
      .map((source) => commandOf(expand(source, state), state))
      .filter((command) => command !== undefined);
    if (commands.length > 0) take({ commands, background: false });
  }
}

/** The body is read once for each item of the list; what another command writes is not known. */
function readLoop(loop: RegExpExecArray, state: ShellState, take: (pipeline: Pipeline) => void): void {
  const [, before = '', kind = '', name = '', list = '', body = ''] = loop;
  readLine(before, state, take);
  const command = /^\s*['`]([\s\S]*)['`]\s*$/.exec(list)?.[1];
  if (command !== undefined) readLine(command, state, take);
  const items =
    command !== undefined || /\/f/i.test(kind)
      ? [listed(command)]
      : list
          .split(/[\s,;]+(?=(?:[^"]*"[^"]*")*[^"]*$)/)
          .filter((item) => item !== '')
          .map((item) => below(rootOf(kind, state), item));
  for (const item of items.slice(0, 16)) {
    readLine(
      body.replace(new RegExp(`%%?(?:~[a-z]*)?${name}(?![\\w%])`, 'gi'), () => item.replaceAll('"', '')),
      state,
      take,
    );
  }
}

/** Where `for /r` walks from; undefined for loops that walk nowhere. */
function rootOf(kind: string, state: ShellState): string | undefined {
  if (!/\/r/i.test(kind)) return undefined;
  const root = /\/r\s*(?:"([^"]*)"|([^\s/%"]\S*))/i.exec(kind);
  return root === null ? (state.directory ?? UNKNOWN) : expand(root[1] ?? partOf(root, 2), state);
}

const below = (root: string | undefined, item: string): string =>
  root === undefined ? item : `${root.replace(/\\+$/, '')}\\${item.replaceAll('"', '')}`;

/** One item of what `dir` or another command lists: below the folder that it names. */
function listed(command: string | undefined): string {
  const folder = /^dir\b(?=.*\s\/s\b).*?\s"?([a-z]:\\[^"|]*?|%\w+%[^"|]*?)"?(?:\s+\/|\s*$|\s*\^?\|)/i.exec(
    command ?? '',
  )?.[1];
  return folder === undefined ? UNKNOWN : `${folder.replace(/\\(?:\*(?:\.\*)?)?$/, '')}\\*`;
}

interface Part {
  readonly pipeline: string[];
}

/** At `&`, `&&`, `||` and `|`, outside quotes and carets; brackets of blocks end commands, too. */
function split(text: string): Part[] {
  const parts: Part[] = [];
  let pipeline: string[] = [];
  let current = '';
  let quoted = false;
  const groups: number[] = [];
  const endCommand = (): void => {
    if (current.trim() !== '') pipeline.push(current.trim());
    current = '';
  };
  const endPart = (): void => {
    endCommand();
    if (pipeline.length > 0) parts.push({ pipeline });
    pipeline = [];
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = partOf(text, at);
    if (character === '"') quoted = !quoted;
    if (quoted || character === '"') current += character;
    else if (character === '^') {
      current += text.slice(at, at + 2);
      at += 1;
    } else if (character === '&' && /[<>]$/.test(current)) current += character;
    else if (character === '&' || (character === '|' && text[at + 1] === '|')) {
      endPart();
      if (text[at + 1] === character) at += 1;
    } else if (character === '|') endCommand();
    else if (character === '(' && current.trim() === '') {
      current = '';
      groups.push(parts.length);
    } else if (character === ')' && groups.length > 0 && /^\s*\|[^|]/.test(text.slice(at + 1))) {
      // What a block writes goes through the pipe.
      endPart();
      pipeline = parts.splice(groups.pop() ?? 0).flatMap((part) => part.pipeline);
    } else if (character === ')' && !/\([^)]*$/.test(current)) endPart();
    else current += character;
  }
  endPart();
  return parts;
}

function lookUp(name: string, state: ShellState): string {
  return state.variables.get(name.toLowerCase()) ?? UNKNOWN;
}

function modified(value: string, rest: string): string {
  const slice = /^:~(-?\d+)(?:,(-?\d+))?$/.exec(rest);
  if (slice !== null) {
    const from = Number(slice[1]);
    const start = from < 0 ? Math.max(0, value.length + from) : from;
    const length = slice[2] === undefined ? value.length : Number(slice[2]);
    return value.slice(start, length < 0 ? length : start + length);
  }
  const change = /^:([^=]+)=(.*)$/.exec(rest);
  if (change === null) return value;
  const [, from = '', to = ''] = change;
  if (from.startsWith('*')) {
    const at = value.toLowerCase().indexOf(from.slice(1).toLowerCase());
    return at === -1 ? value : to + value.slice(at + from.length - 1);
  }
  return value.split(new RegExp(from.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'i')).join(to);
}

function expand(source: string, state: ShellState): string {
  return (
    source
      .replace(/%([A-Za-z_][\w() .-]*?)((?::[^%]*)?)%/g, (_, name: string, rest: string) =>
        modified(lookUp(name, state), rest),
      )
      .replace(/!([A-Za-z_]\w*)((?::[^!]*)?)!/g, (_, name: string, rest: string) =>
        modified(lookUp(name, state), rest),
      )
      // Arguments and variables of loops.
      .replace(/%%?~[a-z]*[A-Za-z0-9*]|%%?[A-Za-z0-9*](?![\w:%~])/g, UNKNOWN)
  );
}

const REDIRECTION = /^(\d?)(>>?|<)(&\d)?/;

function commandOf(source: string, state: ShellState): Command | undefined {
  let text = source.replace(/^[@\s]+/, '');
  // `if exist x del y`, `for … do del y`: what matters is what they run.
  for (;;) {
    const head =
      /^if\s+(?:\/i\s+)?(?:not\s+)?(?:exist\s+(?:"[^"]*"|\S+)|errorlevel\s+\d+|defined\s+\S+|(?:"[^"]*"|[^\s=]+)\s*(?:==|equ|neq|lss|leq|gtr|geq)\s*(?:"[^"]*"|\S+))\s*\(?\s*/i.exec(
        text,
      ) ?? /^(?:else|call|do)\s*\(?\s*/i.exec(text);
    if (head === null || head[0].length === 0) break;
    text = text.slice(head[0].length);
  }
  const { words, redirects } = wordsOf(text);
  const name = partOf(words, 0).toLowerCase();
  if (name === 'set') {
    remember(text, state);
    return undefined;
  }
  if (name === 'setlocal' || name === 'endlocal' || words.length === 0) return undefined;
  return { words: splitSwitches(words), redirects };
}

function remember(text: string, state: ShellState): void {
  const set = /^set\s+(?:\/[ap]\s+)?"?([^=\s"]+)=(.*?)"?\s*$/i.exec(text);
  if (set !== null) state.variables.set(partOf(set, 1).toLowerCase(), partOf(set, 2).replace(/\^(.)/g, '$1'));
}

/** `del/s/q` and `rd/s/q` are a name with switches; `c:\x,y` and `a;b` are two words. */
function splitSwitches(words: readonly string[]): string[] {
  const [name = '', ...rest] = words;
  const glued = /^([a-z]+)((?:\/[a-z?][\w:-]*)+)$/i.exec(name);
  const head = glued === null ? [name] : [partOf(glued, 1), ...partOf(glued, 2).split(/(?=\/)/)];
  return [
    ...head,
    ...rest.flatMap((word) => (/^(?:\/[a-z?](?::\w+)?){2,}$/i.test(word) ? word.split(/(?=\/)/) : [word])),
  ];
}

function wordsOf(text: string): { words: string[]; redirects: Redirect[] } {
  const words: string[] = [];
  const redirects: Redirect[] = [];
  let current: string | undefined;
  let quoted = false;
  let pending: Redirect['operator'] | undefined;
  const end = (): void => {
    if (current === undefined) return;
    if (pending === undefined) words.push(current);
    else redirects.push({ operator: pending, target: current });
    pending = undefined;
    current = undefined;
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = partOf(text, at);
    if (character === '"') {
      quoted = !quoted;
      current ??= '';
    } else if (quoted) current = (current ?? '') + character;
    else if (character === '^') {
      at += 1;
      current = (current ?? '') + partOf(text, at);
    } else if (/[\s,;=]/.test(character) && !(character === '=' && current !== undefined)) end();
    else if (/[<>]/.test(character)) {
      const redirection = REDIRECTION.exec(text.slice(at));
      if (/^\d$/.test(current ?? '')) current = undefined;
      end();
      at += (redirection?.[0].length ?? 1) - 1;
      if (redirection?.[3] === undefined) pending = (redirection?.[2] as '>' | '>>' | '<' | undefined) ?? '>';
    } else current = (current ?? '') + character;
  }
  end();
  return { words, redirects };
}

export function cmdState(): ShellState {
  return newState([
    ['comspec', 'C:\\Windows\\System32\\cmd.exe'],
    ['systemdrive', 'C:'],
    ['systemroot', 'C:\\Windows'],
    ['windir', 'C:\\Windows'],
    ['programfiles', 'C:\\Program Files'],
    ['programfiles(x86)', 'C:\\Program Files (x86)'],
    ['programdata', 'C:\\ProgramData'],
    ['allusersprofile', 'C:\\ProgramData'],
    ['public', 'C:\\Users\\Public'],
    ['userprofile', 'C:\\Users\\user'],
    ['homedrive', 'C:'],
    ['homepath', '\\Users\\user'],
    ['appdata', 'C:\\Users\\user\\AppData\\Roaming'],
    ['localappdata', 'C:\\Users\\user\\AppData\\Local'],
    ['temp', 'C:\\Users\\user\\AppData\\Local\\Temp'],
    ['tmp', 'C:\\Users\\user\\AppData\\Local\\Temp'],
    ['username', 'user'],
    ['path', 'C:\\Windows\\system32;C:\\Windows'],
    ['pathext', '.COM;.EXE;.BAT;.CMD'],
    ['os', 'Windows_NT'],
  ]);
}
