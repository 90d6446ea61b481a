import { runPlatform } from './command.ts';

// Whoever read what is told is gone: the platform still stops in order, and not by a broken pipe.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

// Not only the status: after a failed start a half-open connection to a stranger on our port may linger.
process.exit(await runPlatform());
