import type { Io } from '../client/io.ts';
import { run } from '../commands/run.ts';
import type { Scene } from './scene.ts';
import { DemoError } from './teller.ts';

/**
 * Runs one command as an operator would.
 *
 * @param tokenFile whose token; by default the administrator's
 * @returns what it printed
 * @throws DemoError when it does not end with `expected`
 */
export async function eucora(
  scene: Scene,
  io: Io,
  argv: readonly string[],
  { expected = 0, tokenFile }: { expected?: number; tokenFile?: string } = {},
): Promise<string> {
  let printed = '';
  const collect = { write: (text: string) => (printed += text) };
  const { operator_api, admin_token_file } = scene.platform.endpoints;
  const where = ['--api', operator_api, '--token-file', tokenFile ?? admin_token_file];
  const status = await run([...argv, ...where], { ...io, stdout: collect, stderr: collect });
  if (status !== expected) throw new DemoError(`eucora ${argv.join(' ')} ended with ${status}: ${printed}`);
  return printed;
}
