// Temporal's native bridge comes for every platform (148 MB): only this one's is kept.
import { readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const bridge = dirname(createRequire(import.meta.url).resolve('@temporalio/core-bridge/package.json'));
const releases = join(bridge, 'releases');
const architecture = { x64: 'x86_64', arm64: 'aarch64' }[process.arch] ?? process.arch;
const kept = readdirSync(releases).filter(
  (name) => name.startsWith(architecture) && name.includes('linux') && name.endsWith('gnu'),
);
if (kept.length !== 1) throw new Error(`no single native bridge for ${process.arch} in ${releases}`);
for (const name of readdirSync(releases)) {
  if (!kept.includes(name)) rmSync(join(releases, name), { recursive: true });
}
for (const name of ['sdk-core', 'src', 'bridge-macros'])
  rmSync(join(bridge, name), { recursive: true, force: true });
