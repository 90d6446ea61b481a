import { spawn } from 'node:child_process';

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has already ended.
  }
}

/**
 * Ends a program that was started as leader of its own group, with all its children: politely, then by force
 * after `graceMs`. Returns what to call once the program is gone; it ends at once whatever is left of the group.
 */
export function killTree(
  pid: number | undefined,
  graceMs: number,
  platform: NodeJS.Platform = process.platform,
): () => void {
  if (pid === undefined) return () => undefined;
  if (platform === 'win32') {
    spawn('taskkill', ['/pid', String(pid), '/t', '/f'], { stdio: 'ignore', windowsHide: true }).on(
      'error',
      () => undefined,
    );
    return () => undefined;
  }
  signalGroup(pid, 'SIGTERM');
  const hard = setTimeout(() => signalGroup(pid, 'SIGKILL'), graceMs);
  return () => {
    clearTimeout(hard);
    signalGroup(pid, 'SIGKILL');
  };
}
