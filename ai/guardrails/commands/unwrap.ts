import { partOf } from '../parts.ts';
import { runContainer } from './containers.ts';
import { type Dialect, DOWNLOADED, programName, UNKNOWN } from './model.ts';
import { fromBase64 } from './output.ts';

/** What a command runs in its turn: other words of the same shell, or a script in some language. */
export type Inner =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'script'; readonly dialect: Dialect; readonly script: string }
  /** A file that is run. */
  | { readonly kind: 'file'; readonly dialect: Dialect | undefined; readonly path: string }
  /** Runs what it reads. */
  | { readonly kind: 'input'; readonly dialect: Dialect };

const words = (list: readonly string[]): Inner[] => (list.length > 0 ? [{ kind: 'words', words: list }] : []);
const script = (dialect: Dialect, text: string | undefined): Inner[] =>
  text === undefined || text === '' ? [] : [{ kind: 'script', dialect, script: text }];

/** After the options of a wrapper; `valued` are those that take the next word. */
function afterOptions(args: readonly string[], valued: RegExp): string[] {
  let at = 0;
  while (at < args.length) {
    const arg = partOf(args, at);
    if (arg === '--') return args.slice(at + 1);
    if (!arg.startsWith('-')) break;
    at += valued.test(arg) ? 2 : 1;
  }
  return args.slice(at);
}

const notAssignment = (args: readonly string[]): string[] => {
  const first = args.findIndex((arg) => !/^\w+=/.test(arg));
  return first === -1 ? [] : args.slice(first);
};

type Unwrap = (args: readonly string[]) => Inner[];

const simple =
  (valued: RegExp): Unwrap =>
  (args) =>
    words(notAssignment(afterOptions(args, valued)));
/** A number, time or name comes before the command. */
const afterOne =
  (valued: RegExp): Unwrap =>
  (args) =>
    words(afterOptions(args, valued).slice(1));

function shell(args: readonly string[]): Inner[] {
  const command = args.findIndex((arg) => /^-[a-z]*c[a-z]*$/i.test(arg) && !arg.startsWith('--'));
  if (command !== -1) {
    const [text, ...positional] = args
      .slice(command + 1)
      .filter((arg) => !/^[-+]\w+$/.test(arg) || arg.includes(' '));
    return script(
      'sh',
      text === undefined
        ? undefined
        : positional.reduce((body, value, index) => body.replaceAll(`$${index}`, value), text),
    );
  }
  const rest = afterOptions(args, /^[-+][oO]$|^--(?:rcfile|init-file)$/);
  if (rest.length === 0 || rest[0] === '-' || /^\/dev\/stdin$/.test(partOf(rest, 0)) || args.includes('-s'))
    return [{ kind: 'input', dialect: 'sh' }];
  return [{ kind: 'file', dialect: 'sh', path: partOf(rest, 0) }];
}

function powershell(args: readonly string[]): Inner[] {
  for (let at = 0; at < args.length; at += 1) {
    // A parameter may be cut to what is unique, and begin with a slash or a dash of print.
    const name = /^[-/\u2010-\u2015](\w+)$/.exec(partOf(args, at))?.[1]?.toLowerCase();
    if (name === undefined) {
      const rest = args.slice(at);
      return rest[0] === '-'
        ? [{ kind: 'input', dialect: 'powershell' }]
        : script('powershell', rest.join(' '));
    }
    const next = args[at + 1];
    if (
      'encodedcommand'.startsWith(name) && name !== 'ec'
        ? name[0] === 'e' && !/^ex/.test(name)
        : name === 'ec'
    )
      return script(
        'powershell',
        next === undefined || next.includes(UNKNOWN)
          ? `Invoke-Expression $unknown`
          : withInput(fromBase64(next)),
      );
    if (name === 'encodedarguments') at += 1;
    else if (name[0] === 'c' && 'commandwithargs'.startsWith(name)) {
      const rest = args.slice(at + 1).join(' ');
      return rest === '-' ? [{ kind: 'input', dialect: 'powershell' }] : script('powershell', rest);
    } else if (name[0] === 'f' && 'file'.startsWith(name))
      return next === undefined ? [] : [{ kind: 'file', dialect: 'powershell', path: next }];
    else if (
      /^(?:ex|ep|w|inp|if|o|of|outp|v|ve|ps|con|wo|wd|cust|set)/.test(name) &&
      !/^noe|^nol|^nop|^noni/.test(name)
    )
      at += 1;
  }
  return [];
}

/** Invoke-Expression with nothing to run takes it from elsewhere. */
const withInput = (text: string): string =>
  /(?:^|[|;&(]\s*)(?:iex|Invoke-Expression)[\s)]*$/i.test(text) ? `${text} $unknown` : text;

function cmd(args: readonly string[]): Inner[] {
  const at = args.findIndex((arg) => /^\/[ckr]/i.test(arg));
  if (at === -1) return args.length === 0 ? [{ kind: 'input', dialect: 'cmd' }] : [];
  const glued = partOf(args, at).slice(2);
  const rest = [glued, ...args.slice(at + 1)].filter((arg) => arg !== '');
  // One word with blanks was quoted as a whole: it is the command.
  return script(
    'cmd',
    rest.length === 1 ? rest[0] : rest.map((arg) => (/\s/.test(arg) ? `"${arg}"` : arg)).join(' '),
  );
}

const interpreter =
  (dialect: Dialect, flag: RegExp): Unwrap =>
  (args) => {
    const at = args.findIndex((arg) => flag.test(arg));
    if (at !== -1) return script(dialect, args[at + 1]);
    const rest = afterOptions(args, /^-[WXm]$/);
    if (args.includes('-m')) return [];
    return rest.length === 0 || rest[0] === '-'
      ? [{ kind: 'input', dialect }]
      : [{ kind: 'file', dialect, path: partOf(rest, 0) }];
  };

function find(args: readonly string[]): Inner[] {
  const inner: Inner[] = [];
  const roots = args.slice(
    0,
    Math.max(
      0,
      args.findIndex((arg) => /^[-(!]/.test(arg)),
    ),
  );
  for (const [index, arg] of args.entries()) {
    if (!/^-(?:exec|execdir|ok|okdir)$/.test(arg)) continue;
    const end = args.findIndex(
      (other, position) => position > index && (other === ';' || other === '+' || other === '\\;'),
    );
    const run = args.slice(index + 1, end === -1 ? undefined : end);
    // A search for one name reaches less than its root.
    const narrow = args.some((other) =>
      /^-i?(?:name|path|wholename|regex|mtime|mmin|atime|ctime|size|newer|empty|user|perm)$/.test(other),
    );
    inner.push(
      ...words(
        run.flatMap((word) =>
          word === '{}'
            ? narrow
              ? [`${roots[0] ?? '.'}/found/item`]
              : roots
            : [word.replaceAll('{}', roots[0] ?? '.')],
        ),
      ),
    );
  }
  return inner;
}

function startProcess(args: readonly string[]): Inner[] {
  const value = (name: RegExp): string[] => {
    const at = args.findIndex((arg) => name.test(arg));
    if (at === -1) return [];
    const end = args.findIndex((arg, index) => index > at + 1 && /^-[A-Za-z]{4,}$/.test(arg));
    return args.slice(at + 1, end === -1 ? undefined : end);
  };
  const [first, ...rest] = args.filter(
    (arg) =>
      !/^-(?:Wait|NoNewWindow|PassThru|Verb|WindowStyle|FilePath|RunAs|Hidden|Normal|Minimized)$/i.test(
        arg,
      ) && !/^(?:RunAs|Hidden)$/i.test(arg),
  );
  const program = value(/^-F/i)[0] ?? first;
  if (program === undefined) return [];
  const given = value(/^-A/i);
  const list = given.length > 0 ? given : rest.filter((arg) => arg !== program && !/^-A/i.test(arg));
  return words([
    program,
    ...list.flatMap((arg) => (/\s/.test(arg) && list.length === 1 ? splitLine(arg) : [arg])),
  ]);
}

/** A line of arguments in one string, as Windows splits it. */
function splitLine(line: string): string[] {
  const encoded = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? partOf(match, 2));
  const command =
    /^\s*((?:\/[a-z]\S*\s+)*\/[ckr])\s+([\s\S]+)$/i.exec(line) ??
    /^\s*([\s\S]*?-c(?:ommand)?)\s+([\s\S]+)$/i.exec(line);
  return command === null
    ? encoded
    : [...partOf(command, 1).split(/\s+/), partOf(command, 2).replace(/^"([\s\S]*)"$/, '$1')];
}

function schtasks(args: readonly string[]): Inner[] {
  const at = args.findIndex((arg) => /^\/tr$/i.test(arg));
  return at === -1 ? [] : script('cmd', args[at + 1]);
}

const WRAPPERS: Readonly<Record<string, Unwrap>> = {
  ...Object.fromEntries(
    'nohup setsid command builtin exec stdbuf catchsegv eatmydata busybox toybox linux32 linux64 unbuffer arch fakeroot dbus-run-session systemd-inhibit caffeinate pkexec time then else'
      .split(' ')
      .map((name) => [name, simple(/^-[aioeKP]$/)]),
  ),
  sudo: (args) => {
    const inner = simple(/^-(?:[ugpCrtThDR]|-user|-group|-prompt|-host|-chdir)$/)(args);
    return inner.length === 0 && args.some((arg) => /^-\w*[is]/.test(arg))
      ? [{ kind: 'input', dialect: 'sh' }]
      : inner;
  },
  ansible: (args) => script('sh', args[args.findIndex((arg) => /^(?:-a|--args)$/.test(arg)) + 1]),
  salt: (args) => (args.includes('cmd.run') ? script('sh', args[args.indexOf('cmd.run') + 1]) : []),
  doas: simple(/^-[uC]$/),
  runuser: runAs,
  su: runAs,
  env: (args) => {
    const split = args.findIndex((arg) => /^(?:-S|--split-string)/.test(arg));
    return split === -1
      ? simple(/^-[uC]$/)(args)
      : script(
          'sh',
          [partOf(args, split).replace(/^(?:-S|--split-string=?)/, ''), ...args.slice(split + 1)].join(' '),
        );
  },
  nice: simple(/^-n$/),
  ionice: simple(/^-[cn]$/),
  chrt: afterOne(/^-[p]$/),
  taskset: afterOne(/^$/),
  timeout: afterOne(/^-[ks]$/),
  gtimeout: afterOne(/^-[ks]$/),
  chroot: afterOne(/^$/),
  flock: (args) =>
    args.includes('-c') ? script('sh', args[args.indexOf('-c') + 1]) : afterOne(/^-[wE]$/)(args),
  watch: (args) => script('sh', afterOptions(args, /^-n$/).join(' ')),
  xargs: (args) => words(afterOptions(args, /^-[nLPIsdEa]$/)),
  parallel: (args) => words(afterOptions(args, /^-[jN]$/)),
  'systemd-run': simple(/^-[pu]$|^--(?:unit|on-\w+)$/),
  unshare: simple(/^$/),
  nsenter: simple(/^-[tSGWr]$|^--(?:target|wd|root)$/),
  script: (args) => script('sh', args[args.findIndex((arg) => /^-\w*c$/.test(arg)) + 1]),
  ssh: (args) =>
    script(
      'sh',
      afterOptions(args, /^-[bcDEeFIiJLlmOopQRSWw]$/)
        .slice(1)
        .join(' '),
    ),
  docker: container,
  podman: container,
  kubectl: (args) => (args.includes('--') ? words(args.slice(args.indexOf('--') + 1)) : []),
  wsl: (args) => script('sh', afterOptions(args, /^-(?:d|u|-distribution|-user|e|-exec)$/).join(' ')),
  wmic: (args) => (args.includes('create') ? script('cmd', args[args.length - 1]) : []),
  eval: (args) => script('sh', args.join(' ')),
  trap: (args) => script('sh', args[0]),
  sh: shell,
  bash: shell,
  dash: shell,
  zsh: shell,
  ksh: shell,
  ash: shell,
  fish: shell,
  rbash: shell,
  tcsh: shell,
  csh: shell,
  mksh: shell,
  source: (args) => file('sh', args[0]),
  '.': (args) => file('sh', args[0]),
  powershell,
  pwsh: powershell,
  cmd,
  '%comspec%': cmd,
  command_com: cmd,
  call: words,
  start: (args) =>
    words(
      args.filter(
        (arg, index) =>
          arg !== '' &&
          !(index === 0 && /\s/.test(arg)) &&
          !/^\/(?:b|min|max|wait|w|d\S*|i|high|low|normal|realtime)$/i.test(arg),
      ),
    ),
  forfiles: (args) => script('cmd', args[args.findIndex((arg) => /^[/-]c$/i.test(arg)) + 1]),
  schtasks,
  at: (args) => script('cmd', args.filter((arg) => !/^(?:\d|\/|\\\\)/.test(arg)).join(' ')),
  runas: (args) => script('cmd', args.filter((arg) => !arg.startsWith('/')).join(' ')),
  psexec: (args) =>
    words(
      args.filter((arg, index) => !/^\\\\|^-[a-z]$/i.test(arg) && !/^-[upw]$/.test(partOf(args, index - 1))),
    ),
  'invoke-expression': invokeExpression,
  iex: invokeExpression,
  'start-process': startProcess,
  saps: startProcess,
  'invoke-wmimethod': (args) => script('cmd', args.at(-1)),
  'invoke-cimmethod': () => [],
  python: interpreter('python', /^-\w*c$/),
  python2: interpreter('python', /^-\w*c$/),
  python3: interpreter('python', /^-\w*c$/),
  py: interpreter('python', /^-\w*c$/),
  perl: interpreter('perl', /^-\w*[eE]$/),
  ruby: interpreter('ruby', /^-\w*e$/),
  php: interpreter('php', /^-r$/),
  node: interpreter('javascript', /^(?:-\w*e|-p|--eval|--print)$/),
  lua: interpreter('python', /^-e$/),
  osascript: (args) =>
    args.includes('-e')
      ? script('applescript', args.filter((_, index) => args[index - 1] === '-e').join('\n'))
      : interpreter('applescript', /^-e$/)(args),
  awk: (args) => script('perl', afterOptions(args, /^-[Fvf]$/)[0]),
  gawk: (args) => script('perl', afterOptions(args, /^-[Fvf]$/)[0]),
  find,
  mysql: sql,
  mariadb: sql,
  psql: sql,
  sqlite3: (args) => script('sql', args.slice(1).join(' ')),
  sqlcmd: sql,
  'invoke-sqlcmd': sql,
  mongosh: sql,
  mongo: sql,
  'redis-cli': (args) => script('sql', args.join(' ')),
  sqlplus: () => [{ kind: 'input', dialect: 'sql' }],
  vim: (args) =>
    args.flatMap((arg, index) =>
      /^-c$/.test(partOf(args, index - 1)) ? script('sh', arg.replace(/^:?!/, '')) : [],
    ),
  tar: (args) =>
    args.flatMap((arg) =>
      script('sh', /^--(?:checkpoint-action=exec|to-command|use-compress-program)=(.*)$/.exec(arg)?.[1]),
    ),
  git: (args) => args.flatMap((arg) => script('sh', /^alias\.\w+=!(.*)$/.exec(arg)?.[1])),
  rundll32: (args) => script('cmd', /shell32(?:\.dll)?,ShellExec_RunDLL\s+(.*)/i.exec(args.join(' '))?.[1]),
  crontab: (args) => (args[0] === '-' ? [{ kind: 'input', dialect: 'sh' }] : []),
};

function invokeExpression(args: readonly string[]): Inner[] {
  const text = args.filter((arg) => !/^-Command$/i.test(arg)).join(' ');
  return text === '' ? [{ kind: 'input', dialect: 'powershell' }] : script('powershell', text);
}

function runAs(args: readonly string[]): Inner[] {
  const at = args.findIndex((arg) => /^-\w*c$|^--command$/.test(arg));
  if (at !== -1) return script('sh', args[at + 1]);
  return args.includes('--') ? words(args.slice(args.indexOf('--') + 1)) : [];
}

function container(args: readonly string[]): Inner[] {
  if (args[0] === 'run' || args[0] === 'create') return words(runContainer(args.slice(1)));
  if (args[0] !== 'exec') return [];
  return words(afterOptions(args.slice(1), /^-[uwe]$/).slice(1));
}

function sql(args: readonly string[]): Inner[] {
  const at = args.findIndex((arg) => /^(?:-e|-c|-Q|-q|--execute|--command|--eval|-Query)$/.test(arg));
  if (at !== -1) return script('sql', args[at + 1]);
  return [
    ...script(
      'sql',
      args
        .find((arg) => /^--?(?:execute|command|eval)=|^-[ecQ]./.test(arg))
        ?.replace(/^--?(?:execute|command|eval)=|^-[ecQ]/, ''),
    ),
    { kind: 'input', dialect: 'sql' },
  ];
}

function file(dialect: Dialect, path: string | undefined): Inner[] {
  if (path === undefined) return [];
  return path.startsWith('/dev/fd/63') || path.includes(DOWNLOADED)
    ? script(dialect, path.slice('/dev/fd/63'.length))
    : [{ kind: 'file', dialect, path }];
}

/** One layer; the caller goes on with what comes out. */
export function unwrap(command: readonly string[]): Inner[] {
  const [first = '', ...args] = command;
  const name = programName(first).replace(/^(python|perl|ruby|php|node|bash|lua)[\d.]+$/, '$1');
  const wrapper = Object.hasOwn(WRAPPERS, name) ? WRAPPERS[name] : undefined;
  if (wrapper !== undefined) {
    return wrapper(args).map((inner) =>
      inner.kind === 'file' && inner.path.startsWith('/dev/fd/63')
        ? { kind: 'script', dialect: inner.dialect ?? 'sh', script: inner.path.slice('/dev/fd/63'.length) }
        : inner,
    );
  }
  if (/^(?:\.{0,2}\/|~\/|\.\\|[A-Za-z]:\\)/.test(first))
    return [{ kind: 'file', dialect: undefined, path: first }];
  return [];
}
