import { partOf } from '../parts.ts';
import {
  COLLECTED,
  type Command,
  type Dialect,
  DOWNLOADED,
  hasUnknown,
  programName,
  type ShellState,
} from './model.ts';
import { reachOf } from './paths.ts';

/** What later commands of the same script see. */
export function follow(name: string, args: readonly string[], state: ShellState): void {
  if (/^(?:cd|chdir|pushd|set-location|sl|push-location)$/.test(name)) {
    const target = args.filter((arg) => !/^(?:-\w+|\/d)$/i.test(arg)).at(-1) ?? '/home/user';
    state.directory = hasUnknown(target)
      ? undefined
      : /^[/~]|^[a-z]:/i.test(target) || state.directory === undefined
        ? /^[/~]|^[a-z]:/i.test(target)
          ? target
          : undefined
        : `${state.directory}/${target}`;
  }
  if (
    name === 'alias' ||
    name === 'set-alias' ||
    name === 'sal' ||
    name === 'new-alias' ||
    name === 'nal' ||
    name === 'doskey'
  ) {
    const values = args.filter((arg) => !arg.startsWith('-'));
    for (const value of values) {
      const pair = /^([^=]+)=([\s\S]*)$/.exec(value);
      if (pair !== null) state.aliases.set(partOf(pair, 1), partOf(pair, 2));
    }
    if (values.length === 2 && !values[0]?.includes('='))
      state.aliases.set(partOf(values, 0), partOf(values, 1));
  }
  if (name === 'set' && args[0] === '--') {
    state.variables.set('@', args.slice(1).join(' ')).set('*', args.slice(1).join(' '));
    for (const [index, arg] of args.slice(1).entries()) state.variables.set(String(index + 1), arg);
  }
  if (name === 'read' || name === 'unset') for (const arg of args) state.variables.delete(arg);
  if (/^(?:export|declare|local|readonly|typeset)$/.test(name)) {
    for (const arg of args) {
      const pair = /^(\w+)=([\s\S]*)$/.exec(arg);
      if (pair !== null) state.variables.set(partOf(pair, 1), partOf(pair, 2));
    }
  }
}

/** Files whose contents are known, or known to come from elsewhere. */
export function remember(command: Command, input: string, written: string, state: ShellState): void {
  const name = programName(partOf(command.words, 0));
  for (const { operator, target } of command.redirects) {
    if (operator === '>' || operator === '>>') {
      const text = operator === '>>' ? `${state.files.get(target) ?? ''}${written}\n` : `${written}\n`;
      state.files.set(target, text);
    }
  }
  if (name === 'tee')
    for (const file of command.words.slice(1).filter((word) => !word.startsWith('-')))
      state.files.set(file, input);
  if (/^(?:set-content|out-file|add-content|sc|ac)$/.test(name)) {
    const values = command.words.slice(1).filter((word) => !word.startsWith('-'));
    if (values.length >= 2) state.files.set(partOf(values, 0), values.slice(1).join(' '));
    else if (values.length === 1) state.files.set(partOf(values, 0), input);
  }
  if (/^(?:compress-archive|tar|bsdtar|zip|7z|7za|rar)$/.test(name)) {
    const paths = command.words.slice(1).filter((word) => /[\\/]/.test(word) && !word.startsWith('-'));
    const archive = command.words.find((word) => /\.(?:zip|7z|rar|tar|tgz|gz|xz|bz2|zst)$/i.test(word));
    if (archive !== undefined && paths.some((path) => reachOf(path, state.directory, true) === 'critical'))
      state.files.set(archive, COLLECTED);
  }
  for (const file of downloadsOf(name, command.words.slice(1))) {
    for (const key of [file, file.replace(/^.*[\\/]/, '')]) if (key !== '') state.files.set(key, DOWNLOADED);
  }
  if (/^(?:mv|cp|move|copy|move-item|copy-item|ren|rename-item|unzip|tar)$/.test(name)) {
    const paths = command.words.slice(1).filter((word) => !word.startsWith('-'));
    const text = state.files.get(partOf(paths, 0));
    if (text !== undefined && paths[1] !== undefined) state.files.set(paths[1], text);
  }
}

/** Language of a file that a script has written. */
export function dialectOf(path: string, text: string): Dialect {
  if (/\.(?:bat|cmd)$/i.test(path)) return 'cmd';
  if (/\.ps1$/i.test(path)) return 'powershell';
  if (/\.py$/i.test(path) || /^#!.*python/.test(text)) return 'python';
  return 'sh';
}

/** A name that was written with wildcards or is an alias stands for what it may be. */
const GLOBBED =
  '/bin/rm /usr/bin/rm /bin/dd /usr/bin/dd /bin/sh /bin/bash /usr/bin/curl /usr/bin/wget /usr/bin/shred /sbin/mkfs /usr/bin/find /bin/chmod /bin/chown /usr/bin/python3 /usr/bin/base64'.split(
    ' ',
  );

export function resolved(words: readonly string[], dialect: Dialect): readonly string[] {
  const [first = '', ...rest] = words;
  if (dialect === 'sh' && /[?*[]/.test(first) && first.length > 1) {
    try {
      const pattern = new RegExp(
        `^${first
          .replace(/[.+^${}()|\\]/g, '\\$&')
          .replaceAll('*', '[^/]*')
          .replaceAll('?', '[^/]')}$`,
      );
      const match = GLOBBED.find((path) => pattern.test(path) || pattern.test(path.replace(/^.*\//, '')));
      if (match !== undefined) return [match, ...rest];
    } catch {
      return words;
    }
  }
  return words;
}

/** What xargs adds to its command. */
export function argumentsFrom(words: readonly string[], input: string, before: readonly Command[]): string[] {
  if (!hasUnknown(input)) {
    const given = input.split(/\s+/).filter((word) => word !== '');
    return words.includes('{}')
      ? words.flatMap((word) => (word === '{}' ? given : [word]))
      : [...words, ...given];
  }
  const lister = before.findLast(({ words: [first = ''] }) =>
    /^(?:find|ls|fd|locate)$/.test(programName(first)),
  );
  const roots = lister?.words.slice(1).filter((word) => /^[/~.]/.test(word)) ?? [];
  const filtered =
    lister?.words.some((word) => /^-i?(?:name|path|mtime|mmin|size|newer|regex)$/.test(word)) ?? true;
  const strict = roots.filter((root) =>
    /^\/(?:etc|usr|bin|sbin|boot|lib\w*|System|home|Users|root|)\/?\*?$/.test(root),
  );
  const reached = (filtered ? strict : roots).map((root) => `${root.replace(/\/$/, '')}/*`);
  return [...words.filter((word) => word !== '{}'), ...reached];
}

/** Files that a download is written to. */
function downloadsOf(name: string, args: readonly string[]): string[] {
  const after = (flag: RegExp): string[] =>
    args.flatMap((arg, index) => (flag.test(partOf(args, index - 1)) ? [arg] : []));
  const lastPart = (): string[] =>
    args
      .filter((arg) => /^(?:https?|ftp):/i.test(arg))
      .map((url) => url.replace(/[?#].*$/, '').replace(/^.*\//, ''));
  switch (name) {
    case 'curl':
      return [
        ...after(/^(?:-\w*o|--output)$/),
        ...args.flatMap((arg) => /^--output=(.*)$/.exec(arg)?.[1] ?? []),
        ...(args.some((arg) => /^-\w*O|^--remote-name/.test(arg)) ? lastPart() : []),
      ];
    case 'wget':
    case 'aria2c':
    case 'axel':
    case 'fetch': {
      const named = [
        ...after(/^(?:-\w*O|-o|--output-document)$/),
        ...args.flatMap((arg) => /^(?:--output-document=|-O)(.+)$/.exec(arg)?.[1] ?? []),
      ];
      return named.length > 0 ? named : lastPart();
    }
    case 'invoke-webrequest':
    case 'iwr':
    case 'invoke-restmethod':
    case 'irm':
      return after(/^-o(?:u|ut|utf|utfi|utfil|utfile)?$/i);
    case 'start-bitstransfer':
      return after(/^-d(?:e|es|est\w*)?$/i).concat(args.filter((arg) => !/^-|^https?:/.test(arg)));
    case 'bitsadmin':
    case 'certutil':
      return args.slice(-1);
    default:
      return [];
  }
}
