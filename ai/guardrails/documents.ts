import { partOf } from './parts.ts';
/**
 * Commands that stand as values in documents of other kinds: tasks of Ansible, steps of pipelines, units of systemd,
 * lists of launchd, Dockerfiles, JSON. A document may be mixed with prose and scripts; what is no document yields nothing.
 */
export function* commandsIn(text: string): Generator<string> {
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    const key = KEYED.exec(line);
    if (key !== null) yield* valuesOf(key, lines, index);
    const run = DOCKER_RUN.exec(line)?.[1] ?? UNIT_EXEC.exec(line)?.[1];
    if (run !== undefined) yield fromList(withContinuation(run, lines, index));
  }
  if (text.includes('<array>')) yield* programArguments(text);
  if (text.includes('"')) yield* jsonValues(text);
  yield* absentPaths(text);
}

const KEY =
  '(?:(?:ansible|community|ansible\\.legacy|chocolatey)\\.\\w+\\.)?(?:shell|command|raw|expect|win_shell|win_command|win_powershell|script|run|cmd|bash|pwsh|powershell|inlineScript|inline|before_script|after_script|entrypoint|exec|onlyif|unless|creates_command|command_line|RunCommand)';
const KEYED = new RegExp(
  `^(\\s*)((?:-\\s+)*)["']?${KEY}["']?\\s*(?::(?=\\s|$)|=>)\\s*([|>][+-]?\\d?\\s*$)?(.*)$`,
);
const DOCKER_RUN = /^\s*(?:RUN|CMD|ENTRYPOINT)\s+(?:--\S+\s+)*(\S.*)$/;
const UNIT_EXEC = /^\s*Exec(?:Start|Stop|Reload)(?:Pre|Post)?\s*=\s*[-@:+!]*(\S.*)$/;

/** A value on the line, or the indented block or list below it. */
function* valuesOf(match: RegExpExecArray, lines: readonly string[], index: number): Generator<string> {
  const [, indent = '', dashes = '', block, rest = ''] = match;
  if (block === undefined && rest.trim() !== '') {
    yield fromList(withContinuation(rest, lines, index));
    return;
  }
  const depth = indent.length + dashes.length;
  const body: string[] = [];
  for (const line of lines.slice(index + 1)) {
    const own = line.length - line.trimStart().length;
    if (line.trim() !== '' && own <= depth && !(own === depth && /^\s*-\s/.test(line))) break;
    body.push(line);
  }
  const left = Math.min(
    ...body.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length),
  );
  const text = body.map((line) => line.slice(Number.isFinite(left) ? left : 0));
  yield text.map((line) => line.replace(/^-\s+(?:["'](.*)["']\s*$)?/, '$1')).join('\n');
}

function withContinuation(first: string, lines: readonly string[], index: number): string {
  let text = first;
  for (let at = index + 1; /\\\s*$/.test(text) && at < lines.length; at += 1)
    text = `${text.replace(/\\\s*$/, ' ')}${partOf(lines, at)}`;
  return text;
}

/** `["rm", "-rf", "/"]` is a line of words; a quoted text is what stands in the quotes. */
function fromList(value: string): string {
  const text = value.trim().replace(/,$/, '');
  const list = /^\[\s*((?:"(?:[^"\\]|\\.)*"|'[^']*')(?:\s*,\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'))*)\s*\]$/.exec(
    text,
  )?.[1];
  if (list !== undefined)
    return asLine(
      [...list.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g)].map((one) => unescaped(one[1] ?? partOf(one, 2))),
    );
  const whole = /^"((?:[^"\\]|\\.)*)"$|^'((?:[^']|'')*)'$/.exec(text);
  return whole === null ? text : unescaped(whole[1] ?? partOf(whole, 2));
}

const unescaped = (text: string): string =>
  text.replace(/\\([nt"\\/])/g, (_, letter: string) =>
    letter === 'n' ? '\n' : letter === 't' ? '\t' : letter,
  );
const asLine = (words: readonly string[]): string =>
  words.map((word) => (/[^\w./:=@%+-]/.test(word) ? `'${word.replaceAll("'", `'\\''`)}'` : word)).join(' ');

/** launchd's `ProgramArguments`. */
function* programArguments(text: string): Generator<string> {
  for (const [, body = ''] of text.matchAll(/<array>([\s\S]{0,8000}?)<\/array>/g)) {
    const words = [...body.matchAll(/<string>([^<]*)<\/string>/g)].map(([, word = '']) =>
      word.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&'),
    );
    if (words.length > 0) yield asLine(words);
  }
}

const JSON_VALUE =
  /"(?:command|cmd|script|run|exec|args|entrypoint|remediation|fix|(?:pre|post)?install|prepare|start|shell|code|scriptContent|value)"\s*:\s*("(?:[^"\\\n]|\\.)*"|\[[^\]\n]*\])/gi;

function* jsonValues(text: string): Generator<string> {
  for (const [, value = ''] of text.matchAll(JSON_VALUE)) yield fromList(value);
}

/** Desired states that are reached by deleting: of Ansible, Puppet and Chef. */
const ABSENT: readonly RegExp[] = [
  /\b(?:path|dest|name):\s*["']?((?:\/|[A-Za-z]:\\)[^"'\n,}]*?)["']?\s*(?:\n[^\n]*){0,4}?[\s,{]state:\s*["']?absent/g,
  /\bstate:\s*["']?absent["']?\s*(?:\n(?!\s*-\s)[^\n]*){0,4}?[\s,{](?:path|dest):\s*["']?((?:\/|[A-Za-z]:\\)[^"'\n,}]*)/g,
  /\bpath=["']?(\/[^\s"']*)[^\n]{0,80}\bstate=absent/g,
  /\bstate=absent[^\n]{0,80}\bpath=["']?(\/[^\s"']*)/g,
  /\bfile\s*\{\s*["']([^"'\n]+)["']:[^}]{0,400}\bensure\s*=>\s*["']?absent/g,
  /\bdirectory\s+["']([^"'\n]+)["']\s+do\b[\s\S]{0,400}?\baction\s+:delete/g,
];

function* absentPaths(text: string): Generator<string> {
  for (const pattern of ABSENT) {
    for (const [, path = ''] of text.matchAll(pattern))
      yield /^[A-Za-z]:/.test(path) ? `rd /s /q "${path.trim()}"` : `rm -rf '${path.trim()}'`;
  }
}
