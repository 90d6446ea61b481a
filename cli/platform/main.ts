import { runPlatform } from './command.ts';

process.exitCode = await runPlatform();
