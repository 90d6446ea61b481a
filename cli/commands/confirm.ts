import { CliError, usageError } from '../client/errors.ts';
import { type Io, readLine } from '../client/io.ts';
import { cleanLine } from '../output/clean.ts';

/** Asks a person; ends the command unless the answer is yes. */
export async function confirm(io: Io, question: string): Promise<void> {
  if (io.stdin.isTTY !== true) {
    throw usageError('Nobody can be asked: standard input is not a terminal', 'Give --yes to go on without.');
  }
  io.stderr.write(`${cleanLine(question)} [y/N] `);
  if (/^y(es)?$/i.test(await readLine(io.stdin))) return;
  throw new CliError('refused', { title: 'Nothing was done' });
}
