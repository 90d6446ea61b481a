import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Sends `signal` to the process when we die without a word (SIGKILL): a tiny shell waits for the end of a pipe
 * that only we hold open. Call the returned function when the process has ended, before its pid can be reused.
 * On Windows nothing is started; there the next start finds and stops what was left.
 */
export function guard(pid: number, signal: 'INT' | 'TERM'): () => void {
  if (process.platform === 'win32') return () => {};
  const script = 'read -r _; kill -s "$1" "$2" 2>/dev/null';
  const shell: ChildProcess = spawn('/bin/sh', ['-c', script, 'eucora-guardian', signal, String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Not in our process group: Ctrl-C in a terminal must reach only us, we stop things in order.
    detached: true,
    cwd: '/',
  });
  shell.on('error', () => {});
  shell.unref();
  if (shell.stdin !== null && 'unref' in shell.stdin && typeof shell.stdin.unref === 'function') {
    shell.stdin.unref();
  }
  return () => {
    shell.kill('SIGKILL');
  };
}
