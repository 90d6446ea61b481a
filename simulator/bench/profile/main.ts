// Loaded into a process by `--import`: writes a CPU profile when it exits, of the time since it got SIGUSR2.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';

const folder = process.env['EUCORA_BENCH_PROFILE'] ?? '.';
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.setSamplingInterval', { interval: 500 });
process.once('SIGUSR2', () => session.post('Profiler.start'));
// A session in the same thread answers at once.
process.on('exit', () => {
  session.post('Profiler.stop', (error, result) => {
    if (error === null)
      writeFileSync(join(folder, `${process.pid}.cpuprofile`), JSON.stringify(result.profile));
  });
});
