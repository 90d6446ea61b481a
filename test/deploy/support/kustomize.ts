import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { cacheDirectory, installOnce } from '../../../cli/engines/cache.ts';
import { runCommand } from '../../../cli/engines/command.ts';
import { quietProgress } from '../../harness/engines.ts';

const VERSION = 'v5.4.3';
const PACKAGE = `sigs.k8s.io/kustomize/kustomize/v5@${VERSION}`;

/** The kustomize of this machine, else one that Go builds once a user. */
export async function ensureKustomize(): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'kustomize');
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  const folder = await installOnce({
    root: cacheDirectory(),
    name: `kustomize-${VERSION}-${process.platform}-${process.arch}`,
    progress: quietProgress,
    install: async (target) => {
      const own = { GOBIN: target, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off', GO111MODULE: 'on' };
      await runCommand('go', ['install', '-trimpath', '-ldflags=-s -w', PACKAGE], {
        cwd: target,
        env: { ...process.env, ...own },
      });
    },
  });
  return join(folder, 'kustomize');
}

/** What `kubectl apply -k` would send, as text. */
export async function kustomize(folder: string): Promise<string> {
  return runCommand(await ensureKustomize(), ['build', folder]);
}
