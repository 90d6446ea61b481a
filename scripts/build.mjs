// `npm run build`: everything into a folder beside, put into place only when it is whole.
import { cpSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildAgent } from './build-agent.mjs';
import { bundleWorkflows } from './bundle-workflows.mjs';
import { mustRun, productFolders, ROOT, STAMP, sourcesHash } from './prepare.mjs';
import { putInPlace } from './put-in-place.mjs';

/** Leftovers of builds that were killed. */
function sweep() {
  for (const name of readdirSync(ROOT)) {
    const pid = /^dist\.(?:next|old)-(\d+)$/.exec(name)?.[1];
    if (pid === undefined) continue;
    try {
      process.kill(Number(pid), 0);
    } catch (error) {
      // Another user's lives.
      if (error.code !== 'ESRCH') continue;
      rmSync(join(ROOT, name), { recursive: true, force: true });
    }
  }
}

function timed(what) {
  const begun = performance.now();
  console.log(`… ${what}`);
  return () => console.log(`✓ ${what} (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
}

const next = join(ROOT, `dist.next-${process.pid}`);
const old = join(ROOT, `dist.old-${process.pid}`);
sweep();
// On the way, so that a change made while we build makes the next start build again.
const hash = sourcesHash();
try {
  let done = timed('Compiling');
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  mustRun(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', next, '--noEmitOnError']);
  for (const folder of productFolders()) {
    const from = join(ROOT, folder);
    if (!existsSync(from)) continue;
    cpSync(from, join(next, folder), { recursive: true, filter: (path) => !/\.tsx?$/.test(path) });
  }
  done();
  if (existsSync(join(next, 'workflows', 'index.js'))) {
    done = timed('Bundling workflows');
    await bundleWorkflows(next);
    done();
  } else console.log('· no workflows/index.ts: no workflow bundle is made');
  if (existsSync(join(ROOT, 'agent', 'main.ts'))) {
    done = timed('Bundling the agent');
    await buildAgent({ outfile: join(next, 'agent', 'eucora-agent.mjs') });
    done();
  } else console.log('· no agent/main.ts: no agent bundle is made');
  writeFileSync(join(next, STAMP), hash);
  putInPlace(next, join(ROOT, 'dist'), old);
} finally {
  rmSync(next, { recursive: true, force: true });
  rmSync(old, { recursive: true, force: true });
}
