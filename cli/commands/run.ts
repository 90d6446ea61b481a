import { CommanderError } from 'commander';
import { CliError, type Complaint, EXIT_CODES, type ExitReason, messageOf } from '../client/errors.ts';
import type { Io } from '../client/io.ts';
import { complain } from '../output/printer.ts';
import { buildProgram } from './program.ts';

/** Runs one command line (without node and script); the answer is the exit status. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    io.stdout.write(`${io.version}\n`);
    return EXIT_CODES.done.code;
  }
  try {
    await buildProgram(io).parseAsync([...argv], { from: 'user' });
    return EXIT_CODES.done.code;
  } catch (error) {
    const [reason, complaint] = judge(error, io);
    if (complaint !== undefined) complain(io.stderr, complaint, reason, argv.includes('--json'));
    return EXIT_CODES[reason].code;
  }
}

function judge(error: unknown, io: Io): [ExitReason, Complaint?] {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return ['done'];
    // A group without a command: commander has shown its help.
    if (error.code === 'commander.help') return ['usage'];
    return ['usage', { title: error.message.replace(/^error: /, ''), hint: 'See --help.' }];
  }
  if (error instanceof CliError) return [error.reason, error.complaint];
  if (io.signal.aborted) return ['interrupted', { title: 'Interrupted' }];
  return ['unavailable', { title: 'The command failed', detail: messageOf(error) }];
}
