import type { ToolContext } from '../context.ts';
import { PackagingError } from '../errors.ts';
import { runTool } from '../tools/run-tool.ts';

/**
 * Signs by a command of the operator's, such as one that talks to an HSM: bytes on stdin, the signature on stdout.
 * It gets the network, which HSMs may lie behind, and the cleaned environment that all tools get.
 */
export function externalSigner(
  ctx: ToolContext,
  reference: string,
  command: readonly string[],
): (data: Buffer) => Promise<Buffer> {
  const [path = '', ...args] = command;
  return async (data) => {
    const { output } = await runTool(ctx, { name: `signing command of ${reference}`, path }, args, {
      input: data,
      network: true,
      unconfined: true,
      failure: 'signing-failed',
      secret: true,
    });
    if (output.length === 0)
      throw new PackagingError('signing-failed', `The signing command of ${reference} printed no signature`);
    return output;
  };
}
