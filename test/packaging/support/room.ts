import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Takes from a process the room for further files, gaps among those it has open as well, and gives it back at a word. */
const LESS_AND_BACK = `
before=$(prlimit --pid "$1" --nofile --output SOFT --noheadings | tr -d ' ')
free=0
while [ -L "/proc/$1/fd/$free" ]; do free=$((free + 1)); done
prlimit --pid "$1" --nofile="$free": && echo less && read -r word
prlimit --pid "$1" --nofile="$before": && echo back
`;

/** Has this process no room for a further file while `act` runs. */
export async function withoutRoomForFiles(act: () => Promise<void>): Promise<void> {
  // Whoever has no room cannot start what gives it back, either: that runs before.
  const limit = spawn('sh', ['-c', LESS_AND_BACK, 'sh', String(process.pid)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(limit.stdout, 'data');
  try {
    await act();
  } finally {
    limit.stdin.write('\n');
    await once(limit.stdout, 'data');
    limit.stdin.end();
    await once(limit, 'exit');
  }
}
