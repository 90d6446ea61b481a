import { partOf } from '../parts.ts';
import { actsOfAppleScript } from './applescript.ts';
import { type Dialect, UNKNOWN } from './model.ts';
import { fromBase64 } from './output.ts';
import { unescapeAnsi } from './sh-expand.ts';

/** What a program in a scripting language does to the machine, as far as its calls and constants tell. */
export type Act =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'script'; readonly dialect: Dialect; readonly script: string }
  | { readonly kind: 'verdict'; readonly code: string; readonly message: string };

const TEXT = `(?:[rbuf]{0,2}"(?:[^"\\\\\\n]|\\\\.)*"|[rbuf]{0,2}'(?:[^'\\\\\\n]|\\\\.)*'|q[qw]?\\{[^}]*\\}|\`(?:[^\`\\\\]|\\\\.)*\`)`;

const textOf = (literal: string): string =>
  unescapeAnsi(literal.replace(/^[rbuf]{0,2}["'`]|^q[qw]?\{|["'`}]$/g, ''));

/** Runs a command given as one text. */
const RUNS_TEXT = new RegExp(
  `(?:\\bos\\.(?:system|popen)|\\bsubprocess\\.(?:run|call|Popen|check_call|check_output|getoutput|getstatusoutput)|\\bcommands\\.getoutput|(?:child_process|cp)?\\.?\\bexec(?:Sync|File|FileSync)?|\\bspawn(?:Sync)?|\\bsystem|\\bshell_exec|\\bpassthru|\\bpopen|\\bIO\\.popen|\\bos\\.execute|\\bKernel\\.(?:system|exec)|\\bOpen3\\.\\w+|\\bpty\\.spawn|\\bos\\.startfile)\\s*\\(?\\s*(${TEXT}(?:\\s*[.+]\\s*${TEXT})*)`,
  'g',
);
/** Runs a command given as a list. */
const RUNS_LIST = new RegExp(
  `(?:\\bsubprocess\\.\\w+|\\bos\\.(?:exec\\w+|spawn\\w+|posix_spawn\\w*)|\\bsystem|\\bexec|\\bspawn(?:Sync)?|\\bexecFile(?:Sync)?)\\s*\\(?\\s*(?:os\\.P_\\w+\\s*,\\s*)?((?:[[(]\\s*)?${TEXT}\\s*,\\s*[[(]?\\s*${TEXT}(?:\\s*,\\s*${TEXT})*)`,
  'g',
);
const BACKTICKS = /(?<!\\)`((?:[^`\\]|\\.)+)`|%x[({[]([^)}\]]*)[)}\]]|\bqx[({[/]([^)}\]/]*)[)}\]/]/g;

const DELETES_TREE = new RegExp(
  `\\b(?:(?:shutil\\.)?rmtree|remove_tree|FileUtils\\.(?:rm_rf|rm_r|remove_dir|remove_entry\\w*|rmtree)|rimraf(?:\\.sync)?|os\\.removedirs|(?:fs|promises|['"]\\))\\.rm(?:Sync|dirSync|dir)?|(?:Deno\\.remove)|delTree|removedirs)\\s*\\(?\\s*(${TEXT}|[^,)\\n]*)`,
  'g',
);
const DELETES_FILE = new RegExp(
  `\\b(?:os\\.(?:remove|unlink|rmdir|truncate)|unlink|File\\.delete|FileUtils\\.rm\\w*|fs\\.unlink(?:Sync)?|Path|pathlib\\.Path)\\s*\\(?\\s*(${TEXT})(?!\\s*\\)\\.(?:exists|read|is_))`,
  'g',
);
/** Goes through a folder; with a deletion beside it, all of that may go. */
const LISTS = new RegExp(
  `(?:\\b(?:i?glob(?:\\.i?glob)?|os\\.(?:walk|listdir|scandir)|(?:pathlib\\.)?Path|Dir\\.(?:glob|entries|children|each_child)|(?:fs\\.)?readdir(?:Sync)?|opendir|scandir|find)\\s*\\(?\\s*|\\bDir\\[\\s*)(${TEXT})|<("?[/~][^<>\\n]*)>`,
  'g',
);
const DELETES_ANY =
  /\b(?:os\.(?:remove|unlink|rmdir|removedirs)|unlink(?:Sync)?|rmtree|rmdir(?:Sync)?|rmSync|File\.delete|FileUtils\.rm\w*|remove_tree)\b/;
const WRITES = new RegExp(
  `\\b(?:open|File\\.open|fopen|(?:fs|promises|['"]\\))\\.(?:writeFile|appendFile)(?:Sync)?|file_put_contents|File\\.write)\\s*\\(\\s*(${TEXT})\\s*,\\s*(${TEXT})`,
  'g',
);
const DECODES = new RegExp(
  `(?:b64decode|base64_decode|decode_base64|Base64\\.(?:strict_)?decode64|atob|Buffer\\.from|decodestring|unhexlify|bytes\\.fromhex|codecs\\.decode)\\s*\\(?\\s*(${TEXT})`,
  'g',
);

export function* actsOf(code: string, dialect: Dialect): Generator<Act> {
  if (dialect === 'applescript') {
    yield* actsOfAppleScript(code);
    return;
  }
  const text = joined(code);
  for (const match of text.matchAll(RUNS_TEXT))
    yield { kind: 'script', dialect: 'sh', script: concatenated(partOf(match, 1)) };
  for (const match of text.matchAll(RUNS_LIST)) {
    const words = [...partOf(match, 1).matchAll(new RegExp(TEXT, 'g'))].map(([literal]) => textOf(literal));
    yield { kind: 'words', words: words[0] === words[1] ? words.slice(1) : words };
  }
  if (dialect !== 'python' && dialect !== 'javascript') {
    for (const match of text.matchAll(BACKTICKS))
      yield { kind: 'script', dialect: 'sh', script: match[1] ?? match[2] ?? partOf(match, 3) };
  }
  for (const match of text.matchAll(DELETES_TREE)) {
    const literal = partOf(match, 1);
    yield { kind: 'words', words: ['rm', '-rf', pathOf(literal, code)] };
  }
  for (const match of text.matchAll(DELETES_FILE))
    yield { kind: 'words', words: ['rm', pathOf(partOf(match, 1), code)] };
  for (const match of text.matchAll(LISTS)) {
    if (DELETES_ANY.test(text))
      yield { kind: 'words', words: ['rm', '-rf', pathOf(match[1] ?? partOf(match, 2), code)] };
  }
  if (
    /\bos\.walk\s*\(\s*["']\/["']|glob\w*\(\s*["'](?:\/|[A-Z]:)[^"']{0,3}\*|find\s*\(\s*sub/.test(text) &&
    /\b(?:os\.(?:remove|unlink)|unlink|rmdir)/.test(text)
  )
    yield {
      kind: 'verdict',
      code: 'destructive_deletion',
      message: 'Walks through a whole disk and deletes',
    };
  for (const match of text.matchAll(WRITES)) {
    if (/[wa+]/.test(textOf(partOf(match, 2)).slice(0, 3)) || !/open/.test(match[0]))
      yield {
        kind: 'script',
        dialect: 'sh',
        script: `: > '${textOf(partOf(match, 1)).replaceAll("'", '')}'`,
      };
  }
  yield* runsWhatComesIn(text, dialect);
  yield* hidden(text, dialect);
}

const pathOf = (literal: string, code: string): string => {
  if (/^[rbuf]{0,2}["']/.test(literal)) return textOf(literal).replace(/^~/, '/home/user');
  if (/expanduser|homedir|Path\.home|\bHOME\b|USERPROFILE/.test(literal)) return '/home/user';
  const name = /^\w+$/.exec(literal.trim())?.[0];
  const value = name === undefined ? undefined : new RegExp(`\\b${name}\\s*=\\s*(${TEXT})`).exec(code)?.[1];
  return value === undefined ? UNKNOWN : textOf(value);
};

function* runsWhatComesIn(text: string, dialect: Dialect): Generator<Act> {
  const fetches =
    /urlopen|requests\.get|urlretrieve|http\.client|Net::HTTP|open-uri|LWP::|file_get_contents\s*\(\s*["']https?|fetch\s*\(|https?\.get\s*\(/.test(
      text,
    );
  const runs = /\b(?:exec|eval|compile|os\.system|subprocess\.|system|popen|Function)\s*\(?/.test(text);
  if (fetches && runs && dialect !== 'sql')
    yield { kind: 'verdict', code: 'download_and_run', message: 'Runs what it downloads' };
  if (/socket/i.test(text) && /dup2|\/bin\/(?:ba)?sh|pty\.spawn|cmd\.exe|>&S|STDIN,?\s*["']>&/.test(text))
    yield { kind: 'verdict', code: 'reverse_shell', message: 'Gives a shell to another machine' };
  if (
    /while\s*(?:True|1|\(1\)|true)?\s*:?\s*[^\n]*\bfork\b|\bfork\b\s+while\b|os\.fork\(\)\s*(?:while|;)|while\s*[({]?\s*(?:1|True)[^\n]*os\.fork/.test(
      text,
    )
  )
    yield { kind: 'verdict', code: 'fork_bomb', message: 'Starts itself without end' };
  if (/ctypes\.(?:windll|CDLL|memmove)|VirtualAlloc|mmap\.PROT_EXEC/.test(text))
    yield { kind: 'verdict', code: 'hidden_code', message: 'Runs machine code' };
}

/** Texts that are decoded and run. */
function* hidden(text: string, dialect: Dialect): Generator<Act> {
  const runs = /\b(?:exec|eval|os\.system|subprocess|system|popen|spawn\w*|execSync|Function)\b/.test(text);
  if (!runs) return;
  for (const match of text.matchAll(DECODES)) {
    const value = textOf(partOf(match, 1));
    const decoded = /unhexlify|fromhex|hex/.test(text.slice(match.index, match.index + match[0].length + 12))
      ? Buffer.from(value, 'hex').toString('utf8')
      : fromBase64(value);
    yield { kind: 'script', dialect, script: decoded };
    yield { kind: 'script', dialect: 'sh', script: decoded };
  }
  if (
    /\bexec\b|\beval\b/.test(text) &&
    /b64decode|marshal\.loads|zlib\.decompress|decode_base64|base64_decode|atob|rot_?13|fromhex|chr\(/.test(
      text,
    ) &&
    [...text.matchAll(DECODES)].length === 0
  )
    yield { kind: 'verdict', code: 'hidden_code', message: 'Runs code that it unpacks first' };
}

/** Texts side by side, joined by `+`, or made of characters by number, as one. */
function joined(code: string): string {
  const numbers = code.replace(
    /\b(?:chr|String\.fromCharCode)\(([\d,\s]+)\)/g,
    (_, codes: string) =>
      `'${codes
        .split(',')
        .map((one) => String.fromCharCode(Number(one)))
        .join('')
        .replaceAll("'", '"')}'`,
  );
  let text = numbers;
  for (let round = 0; round < 16; round += 1) {
    const next = text
      .replace(/'((?:[^'\\\n]|\\.)*)'\s*\+\s*'((?:[^'\\\n]|\\.)*)'/g, "'$1$2'")
      .replace(/"((?:[^"\\\n]|\\.)*)"\s*\+\s*"((?:[^"\\\n]|\\.)*)"/g, '"$1$2"');
    if (next === text) break;
    text = next;
  }
  // A constant that is named once and used later.
  for (const match of text.matchAll(
    new RegExp(
      `(?:^|[\\n;])\\s*(?:my\\s+|let\\s+|const\\s+|var\\s+)?\\$?(\\w+)\\s*=\\s*(${TEXT})\\s*(?=[;\\n]|$)`,
      'g',
    ),
  )) {
    const name = partOf(match, 1);
    text = text.replace(new RegExp(`(?<=[(,+.\\s[])\\$?${name}(?=\\s*[),+.\\]])`, 'g'), () =>
      partOf(match, 2),
    );
  }
  return text;
}

function concatenated(expression: string): string {
  return [...expression.matchAll(new RegExp(TEXT, 'g'))].map(([literal]) => textOf(literal)).join('');
}
