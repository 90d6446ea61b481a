import { runCommand } from '../../../cli/engines/command.ts';
import { ensureGoProgram } from '../../harness/go-program.ts';

export const ensureKustomize = (): Promise<string> =>
  ensureGoProgram('kustomize', 'sigs.k8s.io/kustomize/kustomize/v5', 'v5.4.3');

/** What `kubectl apply -k` would send, as text. */
export async function kustomize(folder: string): Promise<string> {
  return runCommand(await ensureKustomize(), ['build', folder]);
}
