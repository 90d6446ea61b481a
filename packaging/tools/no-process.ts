/** The programs that we start around a tool and that start it in turn; each names itself in what it says. */
const AROUND = '^(?:bwrap|unshare): .*';

const NOT_STARTED = new RegExp(
  `${AROUND}(?:resource temporarily unavailable|cannot allocate memory|too many open files)`,
  'im',
);
/** Namespaces that are counted out: where it never was otherwise, a setting. */
const COUNTED_OUT = new RegExp(`${AROUND}(?:no space left on device|ENOSPC)`, 'im');
/** A tool's own words, as shells, Go, GLib and others put it. Too little memory is a tool's own limit, but for a fork. */
const OF_TOOLS = [
  /(?:fork|clone|exec|spawn|thread)[^\n]*resource temporarily unavailable/i,
  /fork[^\n]*cannot allocate memory/i,
  /can(?:no|')t fork|failed to create new OS thread|can't start new thread/i,
];

/** Whether a program around a tool says that the machine had no room for it just then. */
export const hadNoRoom = (stderr: string): boolean => NOT_STARTED.test(stderr);

/** The same of a tool that ended badly where others have run before: it never began. */
export const wasNotStarted = (stderr: string): boolean => hadNoRoom(stderr) || COUNTED_OUT.test(stderr);

/** Whether a tool failed because it could not start a program or a thread of its own. */
export const lacksProcesses = (output: string): boolean => OF_TOOLS.some((words) => words.test(output));
