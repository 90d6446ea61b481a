import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pause } from '../../../simulator/bench/tasks/rounds.ts';

const ROUNDS = join(__dirname, '../../../dist/simulator/bench/tasks/rounds.js');

/** T: stopped by a signal. */
const stateOf = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] ?? '';

async function becomes(pid: number, stopped: boolean): Promise<void> {
  while ((stateOf(pid) === 'T') !== stopped) await delay(10);
}

describe('Paused processes', () => {
  const sleeper = spawn('sleep', ['60']);
  const pid = sleeper.pid ?? 0;
  afterAll(() => sleeper.kill('SIGKILL'));

  it('stand still until they are resumed', async () => {
    const resume = pause([pid]);
    await becomes(pid, true);
    await resume();
    await becomes(pid, false);
  });

  it('are resumed when whoever paused them was killed', async () => {
    const code = `import(${JSON.stringify(ROUNDS)}).then((m) => { m.pause([${pid}]); console.log('paused'); })`;
    const bench = spawn(process.execPath, ['-e', `${code}; setInterval(() => {}, 1000)`]);
    await once(bench.stdout, 'data');
    await becomes(pid, true);
    bench.kill('SIGKILL');
    await becomes(pid, false);
  });
});
