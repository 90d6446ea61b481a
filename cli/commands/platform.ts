import type { Command } from 'commander';
import { CliError } from '../client/errors.ts';
import { noOptions, type Runtime } from './context.ts';

const HINT = 'docs/operations/troubleshooting.md; the logs lie in the data folder.';

export function addPlatform(program: Command, runtime: Runtime): void {
  const platform = program.command('platform').description('the platform itself, on this machine');
  const start = platform
    .command('start')
    .description('start Postgres, Temporal, API and workers, and stay up until Ctrl-C');
  runtime.act(start, noOptions, async ({ io, out, dataDirectory }) => {
    const outcome = await io.runPlatform({ dataDirectory, sink: out.json ? io.stderr : io.stdout });
    if (outcome === 3) throw new CliError('refused', { title: 'Another platform uses the data folder' });
    if (outcome !== 0) {
      throw new CliError('unavailable', {
        title: 'The platform did not start or stop as it should',
        hint: HINT,
      });
    }
  });
}
