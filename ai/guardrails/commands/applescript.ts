import type { Act } from './code.ts';
import { UNKNOWN } from './model.ts';

/** What a text in AppleScript does: shell commands that it runs, and what it has Finder or System Events delete. */

const TEXT = '"(?:[^"\\\\]|\\\\.)*"';
const OPERAND = `(?:quoted form of\\s+|\\(\\s*|POSIX path of\\s+|path to\\s+)*(?:${TEXT}|[a-z]\\w*(?: folder)?)\\s*\\)?`;
const SHELL = new RegExp(`\\bdo\\s+shell\\s+script\\s+\\(?\\s*(${OPERAND}(?:\\s*&\\s*${OPERAND})*)`, 'gi');
const SET = new RegExp(`\\bset\\s+(\\w+)\\s+to\\s+(${TEXT})`, 'gi');
const DELETES =
  /\b(?:delete|erase|(?:move|duplicate)(?=[^\n]{1,200}\bto\s+(?:the\s+)?trash\b))\s+([^\n]{1,400})/gi;
const FILES =
  /\b(?:items?|files?|folders?|alias|disks?|posix file|posix path|application file|document file|volumes?|contents?)\b/i;

const textOf = (literal: string): string => literal.slice(1, -1).replace(/\\(.)/g, '$1');

export function* actsOfAppleScript(code: string): Generator<Act> {
  const variables = new Map(
    [...code.matchAll(SET)].map(([, name = '', value = '']) => [name.toLowerCase(), textOf(value)]),
  );
  for (const [, expression = ''] of code.matchAll(SHELL))
    yield { kind: 'script', dialect: 'sh', script: joined(expression, variables) };
  for (const [, target = ''] of code.matchAll(DELETES)) {
    const known = /^\s*(?:the\s+)?(\w+)\s*$/.exec(target)?.[1]?.toLowerCase();
    const path = known !== undefined && variables.has(known) ? variables.get(known) : pathOf(target);
    if (path !== undefined) yield { kind: 'words', words: ['rm', '-rf', path] };
  }
}

/** Texts and variables joined by `&`; what is not known stays so. */
function joined(expression: string, variables: ReadonlyMap<string, string>): string {
  return [
    ...expression.matchAll(new RegExp(`(${TEXT})|path to (\\w+)(?: folder)?|(?<![\\w"])([a-z]\\w*)`, 'gi')),
  ]
    .filter(([whole]) => !/^(?:quoted|form|of|posix|path|to|folder)$/i.test(whole))
    .map(([, literal, folder, name = '']) =>
      literal !== undefined
        ? textOf(literal)
        : folder !== undefined
          ? (FOLDERS[folder.toLowerCase()] ?? UNKNOWN)
          : (variables.get(name.toLowerCase()) ?? UNKNOWN),
    )
    .join('');
}

const FOLDERS: Readonly<Record<string, string>> = {
  home: '/Users/user',
  desktop: '/Users/user/Desktop',
  documents: '/Users/user/Documents',
  downloads: '/Users/user/Downloads',
  pictures: '/Users/user/Pictures',
  movies: '/Users/user/Movies',
  music: '/Users/user/Music',
  library: '/Library',
  applications: '/Applications',
  system: '/System',
  startup: '/',
  users: '/Users',
};

/** The path that `every item of folder "x" of home` and the like name; undefined for what is no file. */
function pathOf(target: string): string | undefined {
  const said = target.replace(/\bto\s+(?:the\s+)?trash\b.*$/i, '');
  if (!FILES.test(said) && !/"\//.test(said)) return undefined;
  const posix = /"((?:\/|~)[^"]*)"/.exec(said)?.[1];
  const all =
    /^\s*(?:\(?\s*)?(?:every|all|the contents of|entire contents of|items? 1 thru|(?:items|files|folders|disks)\b)/i.test(
      said,
    )
      ? '/*'
      : '';
  if (posix !== undefined) return `${posix}${all}`;
  const hfs = /(?:alias|file|folder|item|disk item)\s+"([^":]+:[^"]*)"/i.exec(said)?.[1];
  if (hfs !== undefined) return `/${hfs.split(':').slice(1).join('/')}${all}`;
  const base =
    /\b(?:path to\s+(?:the\s+)?)?(home|desktop|documents|downloads|pictures|movies|music|library|applications|system|startup|users)\b(?:\s+(?:folder|disk))?(?=[\s)]*$|\s+(?:from|with|as)\b)/i.exec(
      said,
    )?.[1];
  const parts = [...said.matchAll(/(?:folder|item|file|disk)\s+"([^"]+)"/gi)]
    .map(([, name = '']) => name)
    .reverse();
  if (base === undefined && parts.length === 0) return all === '' ? undefined : '/*';
  const root = base === undefined ? '/Users/user' : (FOLDERS[base.toLowerCase()] ?? '/');
  return `${[root.replace(/\/$/, ''), ...parts].join('/')}${all}`;
}
