import type { Finding } from '../../contracts/incident/ai.ts';
import { cmdState, readCmd } from './commands/cmd.ts';
import { actsOf } from './commands/code.ts';
import {
  COLLECTED,
  type Command,
  type Dialect,
  DOWNLOADED,
  hasUnknown,
  PIPE,
  type Pipeline,
  programName,
  type ShellHost,
  type ShellState,
  UNKNOWN,
} from './commands/model.ts';
import { DOWNLOADERS, outputOf } from './commands/output.ts';
import { readPowerShell } from './commands/powershell.ts';
import { foldPowerShell } from './commands/powershell-fold.ts';
import { readShell, shellState } from './commands/sh.ts';
import { argumentsFrom, dialectOf, follow, remember, resolved } from './commands/tracking.ts';
import { type Inner, unwrap } from './commands/unwrap.ts';
import { partOf } from './parts.ts';
import { ACCESS_RULES } from './rules/access.ts';
import { DELETION_RULES } from './rules/deletion.ts';
import { DISK_RULES } from './rules/disks.ts';
import { DOTNET_RULES } from './rules/dotnet.ts';
import { EMPTYING_RULES } from './rules/emptying.ts';
import { EVERYTHING_RULES } from './rules/everything.ts';
import { foreignPackage, verifies } from './rules/installs.ts';
import { NETWORK_RULES, SENDERS } from './rules/network.ts';
import type { Rule, Verdict } from './rules/rule.ts';
import { judgeSql, SYSTEM_RULES } from './rules/system.ts';
import { TRUST_RULES } from './rules/trust.ts';

const RULES: readonly Rule[] = [
  ...DELETION_RULES,
  ...EMPTYING_RULES,
  ...DISK_RULES,
  ...ACCESS_RULES,
  ...NETWORK_RULES,
  ...SYSTEM_RULES,
  ...EVERYTHING_RULES,
  ...TRUST_RULES,
];

const MAX_DEPTH = 12;
const MAX_COMMANDS = 4_000;
/** No remedy is longer; it bounds what a hostile one can cost. */
const MAX_SCRIPT = 16_384;
/** Of all scripts in a script, each as often as it is run. */
const MAX_READ = 262_144;
/** Words that shells read; loops within loops read theirs again and again. */
const MAX_STEPS = 60_000;
const MAX_SIGNS = 800;
const MAX_ROW = 48;

/** Long rows of blanks and empty lines mean nothing, and are what patterns are slow at. */
const withoutGaps = (script: string): string =>
  script.length > MAX_SCRIPT
    ? script
    : script.replace(/[ \t\r\f\v]{24,}/g, ' ').replace(/\n\s*\n\s*\n/g, '\n\n');

/** More quotes and brackets than anybody writes: such scripts hide something, and cost much to be computed. */
function isTangled(script: string): boolean {
  const counts = new Map<string, number>();
  let row = 0;
  for (let at = 0; at < script.length; at += 1) {
    const sign = partOf(script, at);
    if (!SIGNS.has(sign)) continue;
    const count = (counts.get(sign) ?? 0) + 1;
    row = sign === script[at - 1] ? row + 1 : 0;
    if (count > (sign === '"' || sign === "'" ? 2 * MAX_SIGNS : MAX_SIGNS) || row > MAX_ROW) return true;
    counts.set(sign, count);
  }
  return false;
}

const SIGNS: ReadonlySet<string> = new Set(`'"\`$({[<|%!\n`);

/** What `<(command)` writes, where its pipe is named. */
const substituted = (path: string): string | undefined =>
  path.startsWith(PIPE) ? path.slice(PIPE.length) : undefined;

/** Of a file that the script has made or fetched, by its path or its name alone. */
const contentsOf = (path: string, { files }: ShellState): string | undefined =>
  files.get(path) ?? files.get(path.replace(/^\.[\\/]/, '')) ?? files.get(path.replace(/^.*[\\/]/, ''));

const plantedAs = (name: string, { files }: ShellState): string | undefined =>
  [...files.keys()].find((file) => file.endsWith(`/bin/${name}`) || file.endsWith(`/sbin/${name}`));

/** Goes through a script and all that it runs in its turn, and collects what it must not do. */
export class Inspector {
  private readonly found = new Map<string, Finding>();
  private commands = 0;
  private depth = 0;
  private read = 0;
  private steps = 0;

  findings(): Finding[] {
    return [...this.found.values()];
  }

  /** What cannot be read is not let through: a mistake of ours must not become a way past us. */
  judge(script: string, dialect: Dialect): void {
    try {
      this.inspect(script, dialect);
    } catch {
      this.add(
        { code: 'not_judged', message: 'Could not be read as a script, so nobody can tell what it does' },
        script,
      );
    }
  }

  refuse(script: string): void {
    this.add({ code: 'too_complex', message: 'Is too long or too deeply nested to be judged' }, script);
  }

  private inspect(source: string, dialect: Dialect, state?: ShellState): void {
    const script = withoutGaps(source);
    this.read += script.length;
    if (
      script.length > MAX_SCRIPT ||
      this.read > MAX_READ ||
      this.depth >= MAX_DEPTH ||
      this.commands > MAX_COMMANDS ||
      isTangled(script)
    ) {
      this.add({ code: 'too_complex', message: 'Is too long or too deeply nested to be judged' }, script);
      return;
    }
    if (script.includes(DOWNLOADED))
      this.add({ code: 'download_and_run', message: 'Runs what it downloads' }, script);
    this.depth += 1;
    switch (dialect) {
      case 'sh':
        this.shell(script, state ?? shellState());
        break;
      case 'cmd': {
        const own = state ?? cmdState();
        readCmd(script, own, (pipeline) => this.pipeline(pipeline, own, 'cmd'));
        break;
      }
      case 'powershell':
        this.powershell(script, state ?? shellState());
        break;
      case 'sql': {
        const verdict = judgeSql(script);
        if (verdict !== undefined) this.add(verdict, script);
        break;
      }
      default:
        this.code(script, dialect);
    }
    this.depth -= 1;
  }

  private shell(script: string, state: ShellState): void {
    this.forkBomb(script);
    readShell(
      script,
      state,
      this.host((inner) => this.substitute(inner, state)),
      (pipeline) => this.pipeline(pipeline, state, 'sh'),
    );
  }

  private host(substitute: ShellHost['substitute']): ShellHost {
    return { substitute, step: () => this.step() };
  }

  private step(): void {
    this.steps += 1;
    if (this.steps > MAX_STEPS) throw new Error('too many steps');
  }

  /** A function that calls itself through a pipe or in the background. */
  private forkBomb(script: string): void {
    for (const match of script.matchAll(
      /(?:^|[\s;&|(])(?:function\s+)?([^\s;&|(){}'"]+)\s*\(\s*\)\s*[{(]\s*([^}]*)[})]/g,
    )) {
      const name = partOf(match, 1).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      if (new RegExp(`(?:^|[\\s;&|])${name}\\s*(?:\\|&?\\s*${name}|&)`).test(` ${partOf(match, 2)}`))
        this.add({ code: 'fork_bomb', message: 'Starts itself without end' }, match[0]);
    }
  }

  private substitute(script: string, state: ShellState): string {
    if (this.depth >= MAX_DEPTH) return UNKNOWN;
    this.depth += 1;
    let output = '';
    const inner: ShellState = { ...state, variables: new Map(state.variables) };
    readShell(
      script,
      inner,
      this.host((text) => this.substitute(text, inner)),
      (pipeline) => {
        output += this.pipeline(pipeline, inner, 'sh');
      },
    );
    this.depth -= 1;
    return output.replace(/\n+$/, '');
  }

  private powershell(script: string, state: ShellState): void {
    const folded = foldPowerShell(script);
    for (const rule of DOTNET_RULES) {
      const verdict = rule(folded);
      if (verdict !== undefined) this.add(verdict, folded);
    }
    // `&('i'+'ex')` and `. 'name'` leave a text where a name belongs: it is read as one.
    readPowerShell(folded, (pipeline) => this.pipeline(pipeline, state, 'powershell'));
  }

  private code(script: string, dialect: Dialect): void {
    for (const act of actsOf(script, dialect)) {
      if (act.kind === 'verdict') this.add(act, script);
      else if (act.kind === 'script') this.inspect(act.script, act.dialect);
      else this.command({ words: act.words, redirects: [] }, [], '', shellState(), 'sh');
    }
  }

  /** Judges each of its commands; answers what the last one would write. */
  private pipeline({ commands }: Pipeline, state: ShellState, dialect: Dialect): string {
    let output = '';
    for (const [index, command] of commands.entries()) {
      this.command(command, commands.slice(0, index), output, state, dialect);
      const written = outputOf(command, output, state.files);
      remember(command, output, written, state);
      output = command.redirects.some(({ operator }) => operator === '>' || operator === '>>') ? '' : written;
    }
    return output;
  }

  private command(
    command: Command,
    before: readonly Command[],
    input: string,
    state: ShellState,
    dialect: Dialect,
  ): void {
    this.commands += 1;
    if (this.commands > MAX_COMMANDS || this.depth >= MAX_DEPTH) {
      this.add(
        { code: 'too_complex', message: 'Is too long or too deeply nested to be judged' },
        command.words.join(' '),
      );
      return;
    }
    const words = resolved(command.words, dialect);
    const [first = '', ...args] = words;
    const name = programName(first);
    const here = command.redirects.find(({ operator }) => operator === '<<' || operator === '<<<')?.target;
    const from = command.redirects.find(({ operator }) => operator === '<')?.target;
    const read = here ?? (from === undefined ? input : (substituted(from) ?? state.files.get(from) ?? input));
    if (
      hasUnknown(first) &&
      dialect === 'sh' &&
      first.replaceAll(UNKNOWN, '') === '' &&
      args.length > 0 &&
      /^-?[rR]/.test(partOf(args, 0)) &&
      args.some((arg) => arg === '/' || arg.startsWith('/*'))
    )
      this.add({ code: 'hidden_code', message: 'Runs a program whose name is hidden' }, words.join(' '));
    const seen = {
      name,
      args,
      lower: args.map((arg) => arg.toLowerCase()),
      line: [name, ...args].join(' ').toLowerCase().replace(/\s+/g, ' '),
      redirects: command.redirects,
      before,
      input: read,
      directory: state.directory,
    };
    for (const rule of RULES) {
      const verdict = rule(seen);
      if (verdict !== undefined) this.add(verdict, words.join(' '));
    }
    if (
      SENDERS.has(name) &&
      args.some((arg) => state.files.get(arg.replace(/^(?:\w+=)?@|^-T/, '')) === COLLECTED)
    )
      this.add({ code: 'exfiltration', message: 'Sends data of the machine away' }, words.join(' '));
    if (verifies(seen.line)) state.verified = true;
    const foreign = state.verified
      ? undefined
      : foreignPackage(name, args, (path) => contentsOf(path, state));
    if (foreign !== undefined)
      this.add({ code: 'download_and_run', message: 'Installs what it downloads' }, words.join(' '));
    this.depth += 1;
    for (const inner of unwrap(words)) this.inner(inner, { ...command, words }, before, read, state, dialect);
    if (dialect !== 'sh' && state.files.has(first)) this.file(first, undefined, state, command);
    // A program of this name that the script has put where programs are looked for.
    const planted = /[\\/]/.test(first) ? undefined : plantedAs(first, state);
    if (planted !== undefined) this.file(planted, undefined, state, command);
    const body = state.functions.get(first);
    if (body !== undefined && this.depth < MAX_DEPTH - 2) {
      const called: ShellState = { ...state, variables: new Map(state.variables) };
      for (const [index, arg] of args.entries()) called.variables.set(String(index + 1), arg);
      called.variables.set('@', args.join(' ')).set('*', args.join(' '));
      this.inspect(body, 'sh', called);
    }
    this.depth -= 1;
    follow(name, args, state);
  }

  private inner(
    inner: Inner,
    command: Command,
    before: readonly Command[],
    input: string,
    state: ShellState,
    dialect: Dialect,
  ): void {
    switch (inner.kind) {
      case 'words': {
        // What xargs hands on comes at the end.
        const given =
          programName(partOf(command.words, 0)) === 'xargs' && input !== ''
            ? argumentsFrom(inner.words, input, before)
            : inner.words;
        this.command({ words: given, redirects: command.redirects }, before, input, state, dialect);
        break;
      }
      case 'script':
        this.inspect(inner.script, inner.dialect, inner.dialect === dialect ? { ...state } : undefined);
        break;
      case 'file':
        this.file(inner.path, inner.dialect, state, command);
        break;
      case 'input':
        this.reads(inner.dialect, input, before, command);
    }
  }

  /** A file that the script itself has made or fetched. */
  private file(path: string, dialect: Dialect | undefined, state: ShellState, command: Command): void {
    const text = contentsOf(path, state);
    if (path.includes(DOWNLOADED) || text?.includes(DOWNLOADED))
      this.add({ code: 'download_and_run', message: 'Runs what it downloads' }, command.words.join(' '));
    else if (text !== undefined) this.inspect(text, dialect ?? dialectOf(path, text));
    if (/^(?:\/tmp|\/dev\/shm|\/var\/tmp)\/\.[\w.]+/.test(path))
      this.add({ code: 'hidden_code', message: 'Runs a hidden file' }, path);
  }

  /** A shell or an interpreter that runs what comes through its pipe. */
  private reads(dialect: Dialect, input: string, before: readonly Command[], command: Command): void {
    const line = [...before, command].map(({ words }) => words.join(' ')).join(' | ');
    const fetched = before.some(
      ({ words }) =>
        DOWNLOADERS.has(programName(partOf(words, 0))) ||
        (/^(?:sudo|env)$/.test(partOf(words, 0)) && words.some((word) => DOWNLOADERS.has(programName(word)))),
    );
    if (input.includes(DOWNLOADED) || (fetched && dialect !== 'sql'))
      this.add({ code: 'download_and_run', message: 'Runs what it downloads' }, line);
    else if (input !== '' && !input.includes(UNKNOWN)) this.inspect(input, dialect);
    else if (
      before.length > 0 &&
      dialect !== 'sql' &&
      !/^(?:cat|echo|get-content|gc|type|yes)$/.test(programName(before.at(-1)?.words[0] ?? ''))
    )
      this.add({ code: 'hidden_code', message: 'Runs code that it unpacks first' }, line);
  }

  private add({ code, message }: Verdict, excerpt: string): void {
    const shown = excerpt.replaceAll(UNKNOWN, '?').replaceAll(DOWNLOADED, '<downloaded>').trim();
    const key = `${code}\n${message}`;
    if (!this.found.has(key)) this.found.set(key, { code, message, excerpt: shown.slice(0, 200) });
  }
}
