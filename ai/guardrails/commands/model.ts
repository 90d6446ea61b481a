/** Languages that a command may be written in. */
export type Dialect =
  | 'sh'
  | 'cmd'
  | 'powershell'
  | 'python'
  | 'perl'
  | 'ruby'
  | 'php'
  | 'javascript'
  | 'sql'
  | 'applescript';

/** Stands in a word for what cannot be known before it runs. */
export const UNKNOWN = '\u0001';
/** Stands in a word for what comes from another machine. */
export const DOWNLOADED = '\u0002';
/** Name of the pipe of a process substitution; what its command writes follows. */
export const PIPE = '/dev/fd/63';
/** Contents of a file that holds what was collected from a whole folder of the system or of people. */
export const COLLECTED = '\u0003';
/** Stands for the names of all units, as systemctl lists them; they are not known either. */
export const EVERY_UNIT = `${UNKNOWN}every-unit`;
export const hasUnknown = (text: string): boolean => text.includes(UNKNOWN) || text.includes(DOWNLOADED);

/** A command as its shell would run it: quotes and escapes gone, what can be known put in for variables. */
export interface Command {
  /** Name and arguments; never empty. */
  readonly words: readonly string[];
  readonly redirects: readonly Redirect[];
}

export interface Redirect {
  readonly operator: '>' | '>>' | '<' | '<<' | '<<<' | '<>' | '>&';
  /** File, or for `<<` and `<<<` the text itself. */
  readonly target: string;
}

/** Commands of which each reads what the one before writes. */
export interface Pipeline {
  readonly commands: readonly Command[];
  readonly background: boolean;
}

/** What a shell knows while it works through a script. */
export interface ShellState {
  readonly variables: Map<string, string>;
  readonly aliases: Map<string, string>;
  readonly functions: Map<string, string>;
  /** Constant texts that were written to files, and DOWNLOADED for files that came from elsewhere. */
  readonly files: Map<string, string>;
  directory: string | undefined;
  /** Whether something that was fetched has been compared with a checksum or a signature. */
  verified: boolean;
}

export function newState(variables: Iterable<readonly [string, string]> = []): ShellState {
  return {
    variables: new Map(variables),
    aliases: new Map(),
    functions: new Map(),
    files: new Map(),
    directory: undefined,
    verified: false,
  };
}

/** What a shell asks of its surroundings. */
export interface ShellHost {
  /** Takes a script that runs within another; answers what it would write, if that can be known. */
  substitute(script: string): string;
  /** Counts what is read; throws when that is too much. */
  step(): void;
}

/** Name of a program without its folder and ending, in lower case. */
export function programName(word: string): string {
  const name = word.replace(/^.*[\\/](?=[^\\/])/, '').toLowerCase();
  return name.replace(/\.(?:exe|com|cmd|bat)$/, '');
}
