import { join } from 'node:path';
import { cacheDirectory, installOnce } from '../../cli/engines/cache.ts';
import { runCommand } from '../../cli/engines/command.ts';
import { onPath } from '../../cli/engines/path.ts';
import { quietProgress } from './engines.ts';

/** A program of this machine, else one that Go builds once a user, which may take some minutes. */
export async function ensureGoProgram(name: string, module: string, version: string): Promise<string> {
  const found = await onPath(name, process.env);
  if (found !== undefined) return found;
  const folder = await installOnce({
    root: cacheDirectory(),
    name: `${name}-${version}-${process.platform}-${process.arch}`,
    progress: quietProgress,
    install: async (target) => {
      const own = { GOBIN: target, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off', GO111MODULE: 'on' };
      await runCommand('go', ['install', '-trimpath', '-ldflags=-s -w', `${module}@${version}`], {
        cwd: target,
        env: { ...process.env, ...own },
      });
    },
  });
  return join(folder, name);
}
