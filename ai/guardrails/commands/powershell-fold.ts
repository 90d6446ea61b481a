import { partOf } from '../parts.ts';
import { DOWNLOADED, UNKNOWN } from './model.ts';
import { fromBase64 } from './output.ts';

/**
 * Computes what PowerShell expressions of constants come to, step by step until nothing changes: joined strings,
 * characters by number, formats, replacements, reversed and decoded texts, variables. What is left is read as
 * commands. Values become single-quoted strings.
 */
const STRING = `'((?:[^']|'')*)'`;
const MAX_ROUNDS = 40;
const MAX_LENGTH = 262_144;

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const unquote = (text: string): string => text.replaceAll("''", "'");
const strings = (list: string): string[] =>
  [...list.matchAll(new RegExp(STRING, 'g'))].map((match) => unquote(partOf(match, 1)));

type Step = readonly [pattern: RegExp, replace: (...groups: string[]) => string];

const NUMBER = '(?:0x[0-9a-fA-F]+|\\d+)';
const LIST = `@?\\(\\s*(${STRING}(?:\\s*,\\s*${STRING})*)\\s*\\)`;

const PATH_PART = `(?:'((?:[^']|'')*)'|((?:[A-Za-z]:|[\\w.%-])[\\w.:\\\\/%()-]*))`;

const STEPS: readonly Step[] = [
  [
    new RegExp(`\\bJoin-Path\\s+(?:-Path\\s+)?${PATH_PART}\\s+(?:-ChildPath\\s+)?${PATH_PART}`, 'gi'),
    (...parts) =>
      quote(
        parts
          .slice(0, 4)
          .filter((part) => typeof part === 'string')
          .map((part) => unquote(part).replace(/[\\/]+$/, ''))
          .join('\\'),
      ),
  ],
  [
    new RegExp(
      `\\[(?:System\\.)?IO\\.Path\\]::Combine\\(\\s*(${STRING}(?:\\s*,\\s*${STRING})*)\\s*\\)`,
      'gi',
    ),
    (list) => quote(strings(list).join('\\')),
  ],
  [/\(\s*(?:Get-Command|gcm)\s+'?([\w-]+)'?[^)]*\)(?:\.\w+)?/gi, (name) => quote(name)],
  [
    new RegExp(`\\[(?:System\\.)?char\\[\\]\\]\\s*@?\\(\\s*(${NUMBER}(?:\\s*,\\s*${NUMBER})*)\\s*\\)`, 'gi'),
    (codes) => charsOf(codes),
  ],
  [
    new RegExp(`\\[(?:System\\.)?char(?:\\[\\])?\\]\\s*\\(?\\s*(${NUMBER})\\s*\\)?`, 'gi'),
    (code) => quote(String.fromCodePoint(Math.min(Number(code), 0x10ffff))),
  ],
  [
    new RegExp(
      `@?\\(?\\s*(${NUMBER}(?:\\s*,\\s*${NUMBER}){2,})\\s*\\)?\\s*\\|\\s*(?:%|foreach(?:-object)?)\\s*\\{\\s*\\[(?:System\\.)?(?:char|convert)\\](?:::toChar\\()?\\s*\\$_\\)?\\s*\\}`,
      'gi',
    ),
    (codes) => charsOf(codes),
  ],
  [new RegExp(`${STRING}\\s*\\+\\s*${STRING}`, 'g'), (a, b) => quote(unquote(a) + unquote(b))],
  [new RegExp(`(?<![\\w\\]])\\(\\s*${STRING}\\s*\\)(?!\\s*\\{)`, 'g'), (a) => `'${a}'`],
  [
    new RegExp(`\\b(iex|Invoke-Expression)\\s*\\(\\s*${STRING}\\s*\\)`, 'gi'),
    (name, text) => `${name} '${text}'`,
  ],
  [
    new RegExp(`${STRING}\\.split\\([^)]*\\)\\s*-join\\s*${STRING}`, 'gi'),
    (a, separator) =>
      quote(
        unquote(a)
          .split(/[ ,;|]/)
          .join(unquote(separator)),
      ),
  ],
  [new RegExp(`(?<![\\w)])-join\\s*${LIST}`, 'gi'), (list) => quote(strings(list).join(''))],
  [
    new RegExp(`\\(?${LIST}\\s*-join\\s*${STRING}\\)?`, 'gi'),
    (list, ...rest) => quote(strings(list).join(unquote(partOf(rest, 2)))),
  ],
  [
    new RegExp(
      `\\[(?:System\\.)?string\\]::(?:join|concat)\\(\\s*(?:${STRING}\\s*,\\s*)?${LIST}\\s*\\)`,
      'gi',
    ),
    (separator, list) => quote(strings(list).join(unquote(separator ?? ''))),
  ],
  // One string, joined, is itself.
  [new RegExp(`${STRING}\\s*-join\\s*${STRING}`, 'gi'), (a) => `'${a}'`],
  [
    new RegExp(`${STRING}\\s*-f\\s*(${STRING}(?:\\s*,\\s*${STRING})*)`, 'gi'),
    (format, list) => quote(formatted(unquote(format), strings(list))),
  ],
  [
    new RegExp(`${STRING}\\.replace\\(\\s*${STRING}\\s*,\\s*${STRING}\\s*\\)`, 'gi'),
    (a, from, to) => quote(unquote(a).replaceAll(unquote(from), () => unquote(to))),
  ],
  [
    new RegExp(`${STRING}\\s*-c?i?replace\\s*${STRING}\\s*,\\s*${STRING}`, 'gi'),
    (a, from, to) => quote(replaced(unquote(a), unquote(from), unquote(to))),
  ],
  [
    new RegExp(`${STRING}\\.(?:tolower|toupper|trim|tostring|trimstart|trimend)\\((?:[^)]*)\\)`, 'gi'),
    (a) => `'${a}'`,
  ],
  [
    new RegExp(`${STRING}\\.substring\\(\\s*(\\d+)\\s*(?:,\\s*(\\d+)\\s*)?\\)`, 'gi'),
    (a, from, length) =>
      quote(unquote(a).slice(Number(from), length === undefined ? undefined : Number(from) + Number(length))),
  ],
  [
    new RegExp(`${STRING}\\[\\s*-1\\s*\\.\\.\\s*-\\s*\\(?[^\\]]*\\]`, 'g'),
    (a) => quote([...unquote(a)].reverse().join('')),
  ],
  [
    new RegExp(`${STRING}\\[\\s*(\\d+(?:\\s*,\\s*\\d+)+)\\s*\\]`, 'g'),
    (a, indices) =>
      quote(
        indices
          .split(',')
          .map((index) => unquote(a)[Number(index)] ?? '')
          .join(''),
      ),
  ],
  [
    new RegExp(`\\[(?:System\\.)?Convert\\]::FromBase64String\\(\\s*${STRING}\\s*\\)`, 'gi'),
    (a) => quote(fromBase64(a)),
  ],
  [
    new RegExp(`\\[(?:System\\.)?(?:Text\\.)?Encoding\\]::\\w+\\.GetString\\(\\s*${STRING}\\s*\\)`, 'gi'),
    (a) => `'${a}'`,
  ],
  [new RegExp(`\\$\\(\\s*${STRING}\\s*\\)`, 'g'), (a) => `'${a}'`],
  [new RegExp(`\\[(?:System\\.)?string\\]\\s*${STRING}`, 'gi'), (a) => `'${a}'`],
  [
    new RegExp(
      `(${STRING}(?:\\s*,\\s*${STRING})*)\\s*\\)?\\s*\\|\\s*(?:%|foreach(?:-object)?)\\s*\\{([^{}]*\\$(?:_|PSItem)\\b[^{}]*)\\}`,
      'gi',
    ),
    (list, ...rest) => eachOf(strings(list), partOf(rest, 2), /\$(?:_|PSItem)\b/gi),
  ],
  [
    new RegExp(
      `foreach\\s*\\(\\s*\\$(\\w+)\\s+in\\s+@?\\(?\\s*(${STRING}(?:\\s*,\\s*${STRING})*)\\s*\\)?\\s*\\)\\s*\\{([^{}]*)\\}`,
      'gi',
    ),
    (name, list, ...rest) => eachOf(strings(list), partOf(rest, 2), new RegExp(`\\$${name}\\b`, 'gi')),
  ],
  // What stands in such brackets has come from elsewhere, whatever is called.
  [
    /(?:\(\s*)?(?:\(?\s*New-Object\s+(?:System\.)?Net\.WebClient\s*\)?|\$\w+|\[(?:System\.)?Net\.WebClient\]::new\(\))\.(?:DownloadString|DownloadData|OpenRead)\([^)]*\)(?:\s*\))?/gi,
    () => quote(DOWNLOADED),
  ],
  [
    /\(\s*(?:Invoke-WebRequest|Invoke-RestMethod|iwr|irm|curl|wget)(?:\.exe)?\s[^()|;]*\)(?:\.Content)?/gi,
    () => quote(DOWNLOADED),
  ],
];

/** A block once for each of its items. */
function eachOf(items: readonly string[], body: string, variable: RegExp): string {
  return items
    .slice(0, 16)
    .map((item) => body.replace(variable, () => quote(item)))
    .join('; ');
}

function charsOf(codes: string): string {
  return `(${codes
    .split(',')
    .map((code) => quote(String.fromCodePoint(Math.min(Number(code.trim()), 0x10ffff))))
    .join(',')})`;
}

function formatted(format: string, values: readonly string[]): string {
  return format.replace(/\{(\d+)(?:[,:][^}]*)?\}/g, (_, index: string) => partOf(values, Number(index)));
}

function replaced(text: string, from: string, to: string): string {
  try {
    return text.replace(new RegExp(from, 'gi'), to);
  } catch {
    return text;
  }
}

const KNOWN: Readonly<Record<string, string>> = {
  'env:systemdrive': 'C:',
  'env:systemroot': 'C:\\Windows',
  'env:windir': 'C:\\Windows',
  'env:programdata': 'C:\\ProgramData',
  'env:programfiles': 'C:\\Program Files',
  'env:userprofile': 'C:\\Users\\user',
  'env:appdata': 'C:\\Users\\user\\AppData\\Roaming',
  'env:localappdata': 'C:\\Users\\user\\AppData\\Local',
  'env:temp': 'C:\\Users\\user\\AppData\\Local\\Temp',
  'env:tmp': 'C:\\Users\\user\\AppData\\Local\\Temp',
  'env:public': 'C:\\Users\\Public',
  'env:homedrive': 'C:',
  'env:homepath': '\\Users\\user',
  'env:comspec': 'C:\\Windows\\System32\\cmd.exe',
  'env:username': 'user',
  'env:allusersprofile': 'C:\\ProgramData',
  home: 'C:\\Users\\user',
  pshome: 'C:\\Windows\\System32\\WindowsPowerShell\\v1.0',
  shellid: 'Microsoft.PowerShell',
  null: '',
  verbosepreference: 'SilentlyContinue',
};

export function foldPowerShell(script: string): string {
  let text = splatted(prepared(script));
  const variables = new Map<string, string>(Object.entries(KNOWN));
  let last = false;
  for (let round = 0; round < MAX_ROUNDS && text.length < MAX_LENGTH; round += 1) {
    const before = text;
    text = doubleQuoted(text, variables, last);
    for (const [pattern, replace] of STEPS) {
      text = text.replace(pattern, (...all: unknown[]) => replace(...(all.slice(1) as string[])));
    }
    learn(text, variables);
    text = text.replace(
      /'(?:[^']|'')*'|"(?:[^"`]|`[\s\S]|"")*"|(?<![\w'])\$(?:\{([^}]+)\}|((?:env:|global:|script:|private:|local:|using:)?\w+(?:\(x86\))?))(?!\w|\s*\+?=(?!=))/gi,
      (whole, braced?: string, bare?: string) => {
        const value = variables.get(nameOf(braced ?? bare ?? '\u0000'));
        return value === undefined ? whole : quote(value);
      },
    );
    // 'C:\Users'\x, as a variable leaves it before the rest of its word.
    text = text.replace(
      new RegExp(`(?<=[\\s(,])${STRING}(?=[\\\\/:.*\\w][^'"\\s;|)}]*)([\\\\/:.*\\w][^'"\\s;|)},]*)`, 'g'),
      (whole, a: string, rest: string) => (/^\.\w+\(|^\[/.test(rest) ? whole : quote(unquote(a) + rest)),
    );
    if (text !== before) continue;
    if (last) break;
    last = true;
  }
  return text;
}

const nameOf = (name: string): string =>
  name.toLowerCase().replace(/^(?:global|script|private|local|using|variable):/, '');

function learn(text: string, variables: Map<string, string>): void {
  for (const match of text.matchAll(
    new RegExp(
      `\\$\\{?((?:\\w+:)?\\w+)\\}?\\s*(\\+?)=\\s*(?:\\[\\w+\\]\\s*)?${STRING}\\s*(?=$|[;\\n\\r}|)])`,
      'gi',
    ),
  )) {
    const name = nameOf(partOf(match, 1));
    const value = unquote(partOf(match, 3));
    if (match[2] === '+' && variables.has(name) && !(variables.get(name) ?? '').endsWith(value))
      variables.set(name, (variables.get(name) ?? '') + value);
    else if (match[2] !== '+') variables.set(name, value);
  }
  for (const match of text.matchAll(
    new RegExp(
      `\\b(?:Set-Variable|sv|New-Variable|nv)\\s+(?:-Name\\s+)?'?(\\w+)'?\\s+(?:-Value\\s+)?${STRING}`,
      'gi',
    ),
  )) {
    variables.set(nameOf(partOf(match, 1)), unquote(partOf(match, 2)));
  }
}

/** `@args` stands for the parameters that a table of this name holds. */
function splatted(text: string): string {
  let outcome = text;
  for (const [, name = '', body = ''] of text.matchAll(/\$(\w+)\s*=\s*@\{([^{}]{0,4000})\}/g)) {
    const given = [
      ...body.matchAll(/(?:^|[\n;])\s*['"]?(\w+)['"]?\s*=\s*((?:'(?:[^'\n]|'')*'|"[^"\n]*"|[^;\n'"])+)/g),
    ]
      .map(([, key = '', value = '']) =>
        /^\$true$/i.test(value.trim()) ? `-${key}` : `-${key} ${value.trim()}`,
      )
      .join(' ');
    outcome = outcome.replace(new RegExp(`(?<=\\s)@${name}\\b`, 'g'), () => given);
  }
  return outcome;
}

/** Comments and the backticks that hide names go; here-strings become strings. */
function prepared(script: string): string {
  const text = script
    .replace(/\r\n?/g, '\n')
    .replace(/<#[\s\S]*?#>/g, ' ')
    .replace(/`\n\s*/g, ' ')
    .replace(/@'\n([\s\S]*?)\n'@/g, (_, body: string) => quote(body))
    .replace(/@"\n([\s\S]*?)\n"@/g, (_, body: string) => `"${body.replaceAll('"', '`"')}"`);
  let outcome = '';
  for (let at = 0; at < text.length; ) {
    const character = partOf(text, at);
    if (character === "'") {
      const end = /'(?:[^']|'')*(?:'|$)/y;
      end.lastIndex = at;
      const part = end.exec(text)?.[0] ?? character;
      outcome += part;
      at += part.length;
    } else if (character === '"') {
      const end = /"(?:[^"`]|`[\s\S]|"")*(?:"|$)/y;
      end.lastIndex = at;
      const part = end.exec(text)?.[0] ?? character;
      outcome += part;
      at += part.length;
    } else if (character === '#' && /(?:^|[\s;{}(|])$/.test(outcome.slice(-1))) {
      const end = text.indexOf('\n', at);
      at = end === -1 ? text.length : end;
    } else if (character === '`') {
      outcome += partOf(text, at + 1);
      at += 2;
    } else {
      outcome += character;
      at += 1;
    }
  }
  return outcome;
}

const FETCHES =
  /\b(?:Invoke-WebRequest|Invoke-RestMethod|iwr|irm|curl|wget|DownloadString|Net\.WebClient)\b/i;
const ESCAPED: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '0': '',
  a: '',
  b: '',
  e: '\u001b',
};

/** Strings in double quotes, once all that they hold is known, become plain ones. */
function doubleQuoted(text: string, variables: ReadonlyMap<string, string>, last: boolean): string {
  return text.replace(/'(?:[^']|'')*'|"((?:[^"`]|`[\s\S]|"")*)"/g, (whole, body?: string) => {
    if (body === undefined) return whole;
    // A variable may become known in a later round.
    if (!last && namesIn(body).some((name) => !variables.has(name))) return whole;
    if (/\$\((?!\s*'(?:[^']|'')*'\s*\))/.test(body.replace(/`\$/g, ''))) {
      const inner = body.replace(/\$\(([^()]*(?:\([^()]*\)[^()]*)*)\)/g, (_, code: string) => {
        const folded = new RegExp(`^\\s*${STRING}\\s*$`).exec(foldPowerShell(code));
        if (folded !== null) return unquote(partOf(folded, 1));
        return FETCHES.test(code) ? DOWNLOADED : UNKNOWN;
      });
      return quote(plain(inner, variables));
    }
    return quote(
      plain(
        body.replace(/\$\(\s*'((?:[^']|'')*)'\s*\)/g, (_, inner: string) => unquote(inner)),
        variables,
      ),
    );
  });
}

/** Variables that a string asks for. */
function namesIn(body: string): string[] {
  return [...body.matchAll(/(?<!`)\$(?:\{([^}]+)\}|((?:env:|global:|script:)?\w+))/gi)].map((match) =>
    nameOf(match[1] ?? partOf(match, 2)),
  );
}

function plain(body: string, variables: ReadonlyMap<string, string>): string {
  return body.replace(
    /`([\s\S])|""|\$(?:\{([^}]+)\}|((?:env:|global:|script:)?\w+))/gi,
    (whole, escaped?: string, braced?: string, bare?: string) => {
      if (escaped !== undefined) return ESCAPED[escaped] ?? escaped;
      if (whole === '""') return '"';
      return variables.get(nameOf(braced ?? bare ?? '')) ?? UNKNOWN;
    },
  );
}
