import { main } from './cli.ts';

// Whoever read the log is gone: the agent ends by its own rules, not by a broken pipe.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

process.exitCode = await main({
  args: process.argv.slice(2),
  env: process.env,
  file: process.argv[1] ?? '',
  platform: process.platform,
  isRoot: process.getuid?.() === 0,
  stdin: process.stdin,
  print: (text) => process.stdout.write(text),
  complain: (text) => process.stderr.write(text),
  onSignal: (handler) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => handler(signal));
  },
});
// Whatever still holds the event loop (a pipe, a socket) must not keep a stopped agent alive; what was printed
// goes out first.
process.stdout.write('', () => process.exit());
