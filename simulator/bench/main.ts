import { consoleProgress } from '../../cli/platform/console.ts';
import { runBench } from './command.ts';
import { BENCHES } from './registry.ts';

const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.on(name, () => abort.abort(new Error(`stopped by ${name}`)));

const status = await runBench({
  args: process.argv.slice(2),
  benches: BENCHES,
  out: (line) => process.stdout.write(`${line}\n`),
  say: (line) => process.stderr.write(`${line}\n`),
  progress: consoleProgress(process.stderr),
  signal: abort.signal,
});
// What is piped must be written before the end.
process.stdout.write('', () => process.exit(status));
