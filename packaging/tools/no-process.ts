/** The programs that we start around a tool and that start it in turn; each names itself in the first line it says. */
const AROUND = '^(?:bwrap|unshare): .*';

const NOT_STARTED = new RegExp(
  `${AROUND}(?:resource temporarily unavailable|cannot allocate memory|too many open files)`,
  'i',
);
/** Namespaces that are counted out: where it never was otherwise, a setting. */
const COUNTED_OUT = new RegExp(`${AROUND}(?:no space left on device|ENOSPC)`, 'i');
/** As shells put it. Threads do not count: what they lack may be the memory that a tool may take. */
const FORK_FAILED =
  /^[^\s:]+: (?:(?:line )?\d+: )?(?:cannot fork|fork: (?:retry: )?(?:resource temporarily unavailable|cannot allocate memory))$/i;

/** Whether a program around a tool says that the machine had no room for it just then. */
export const hadNoRoom = (stderr: string): boolean => NOT_STARTED.test(stderr);

/** The same of a tool that ended badly where others have run before: it never began. */
export const wasNotStarted = (run: { readonly stdout: string; readonly stderr: string }): boolean =>
  run.stdout === '' && (hadNoRoom(run.stderr) || COUNTED_OUT.test(run.stderr));

/** Whether a tool says nothing else than that it could not start a program: among other words it may be a quote. */
export const lacksProcesses = (stderr: string): boolean =>
  stderr
    .trim()
    .split('\n')
    .every((line) => FORK_FAILED.test(line));
