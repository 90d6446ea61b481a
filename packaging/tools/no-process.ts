/** As the system says that there is no room for another process, or none now. */
const NO_ROOM = 'resource temporarily unavailable|cannot allocate memory|too many open files';
/** The programs that we put around a tool, each of which names itself. */
const WRAPPER = '^(?:bwrap|unshare|prlimit): ';

const NOT_STARTED = new RegExp(`${WRAPPER}.*(?:${NO_ROOM})`, 'im');
/** Namespaces that are counted out; where it was never otherwise, it is a setting. */
const COUNTED_OUT = new RegExp(`${WRAPPER}.*(?:no space left on device|ENOSPC)`, 'im');
/** A tool's own words, as shells, Go, Python, GLib and others put it. That memory is short is so of the tool, but for a fork. */
const OF_TOOLS = [
  /(?:fork|clone|exec|thread|process)[^\n]*resource temporarily unavailable/i,
  /fork[^\n]*cannot allocate memory/i,
  /can(?:no|')t fork|failed to create new OS thread|can't start new thread/i,
];

/** Whether a program around a tool says that the machine had no room for it just then. */
export const hadNoRoom = (stderr: string): boolean => NOT_STARTED.test(stderr);

/** The same where it has worked before, of a tool that ended badly: it never began. */
export const wasNotStarted = (stderr: string): boolean => hadNoRoom(stderr) || COUNTED_OUT.test(stderr);

/** Whether a tool failed because it could not start a program or a thread of its own. */
export const lacksProcesses = (output: string): boolean => OF_TOOLS.some((words) => words.test(output));
