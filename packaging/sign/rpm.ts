import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ToolContext } from '../context.ts';
import { importSecret, type OpenPgpEntry, withGpgHome } from '../keys/openpgp.ts';
import { runTool } from '../tools/run-tool.ts';
import { findTool } from '../tools/toolbox.ts';

const define = (name: string, value: string): string[] => ['--define', `${name} ${value}`];
/** A word of a macro that rpm splits as a command line. */
const word = (text: string): string => `'${text.replaceAll('%', '%%')}'`;
const shellWord = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * What rpm starts as if it were gpg: it calls `… -sbo <signature> -- <plaintext>` and wants the signature in that
 * file; a signing command has it on stdout and takes bytes on stdin.
 */
const asGpg = (command: readonly string[]): string => `#!/bin/sh
while [ "$1" != -sbo ]; do shift; done
if [ "$4" = - ]; then exec ${command.map(shellWord).join(' ')} > "$2"; fi
exec ${command.map(shellWord).join(' ')} > "$2" < "$4"
`;

/** Signs an rpm, replacing signatures that it has. @throws PackagingError */
export async function signRpm(
  ctx: ToolContext,
  file: string,
  key: { readonly entry: OpenPgpEntry; readonly fingerprint: string },
  output: string,
): Promise<void> {
  await copyFile(file, output);
  const { secret } = key.entry;
  await withGpgHome(ctx, async (home) => {
    let signing: string[];
    if (secret.type === 'file') {
      const passphrase = await importSecret(ctx, home, secret);
      signing = [
        ...define('__gpg', await findTool(ctx.settings, 'gpg')),
        ...define('_gpg_sign_cmd_extra_args', ['--batch', ...passphrase.map(word)].join(' ')),
      ];
    } else {
      const program = join(home, 'signing-command');
      await writeFile(program, asGpg(secret.command), { mode: 0o700 });
      signing = define('__gpg', program);
    }
    // rpmsign answers 0 even when gpg failed: whoever signs verifies afterwards.
    await runTool(
      ctx,
      'rpmsign',
      [
        ...define('_gpg_path', home),
        ...define('_gpg_name', key.fingerprint),
        ...define('_gpg_digest_algo', 'sha256'),
        ...signing,
        '--resign',
        output,
      ],
      {
        failure: 'signing-failed',
        reads: secret.type === 'file' && secret.passphrase_file !== undefined ? [secret.passphrase_file] : [],
        network: secret.type === 'command',
        unconfined: secret.type === 'command',
        env: { GNUPGHOME: home },
      },
    );
  });
}
