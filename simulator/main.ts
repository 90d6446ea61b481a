import { DefaultLogger, Runtime } from '@temporalio/worker';
import { consoleProgress } from '../cli/platform/console.ts';
import { simulate } from './simulate.ts';

// Signals are ours: the platform is stopped in order.
Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('ERROR') });
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.on(name, () => stop.abort(new Error(`stopped by ${name}`)));
const status = await simulate({
  args: process.argv.slice(2),
  out: (line) => process.stdout.write(`${line}\n`),
  say: (line) => process.stderr.write(`${line}\n`),
  progress: consoleProgress(process.stderr),
  tellEveryMs: process.stderr.isTTY ? 1_000 : 10_000,
  signal: stop.signal,
});
// After all is written, also to a pipe.
process.stdout.write('', () => process.exit(status));
