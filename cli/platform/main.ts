import { runPlatform } from './command.ts';

// Not only the status: after a failed start a half-open connection to a stranger on our port may linger.
process.exit(await runPlatform());
