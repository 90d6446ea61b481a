import { parseArgs } from 'node:util';
import { processIo } from '../client/process-io.ts';
import { messageOf } from '../engines/errors.ts';
import { runDemo } from './demo.ts';

const USAGE =
  'Usage: npm run demo [-- --exit]\n  --exit  end after the run; status 0 only if every step was seen\n';

async function main(): Promise<number> {
  let exit: boolean;
  try {
    exit = parseArgs({ options: { exit: { type: 'boolean', default: false } } }).values.exit;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${USAGE}`);
    return 2;
  }
  const io = processIo('demo', true);
  try {
    return await runDemo({ io, sink: process.stdout, exit });
  } catch (error) {
    if (io.signal.aborted) return 1;
    process.stderr.write(`${messageOf(error)}\n`);
    return 1;
  }
}

process.exitCode = await main();
