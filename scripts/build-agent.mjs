// node scripts/build-agent.mjs --version 1.2.3 --outfile path: the agent as one file, for any place with only Node.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { ROOT } from './prepare.mjs';

/** The version is the package's, or given; code reads it from `__EUCORA_AGENT_VERSION__`. */
export async function buildAgent({ outfile, version }) {
  const own = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
  await build({
    entryPoints: [join(ROOT, 'agent', 'main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
    define: { __EUCORA_AGENT_VERSION__: JSON.stringify(version ?? own) },
    // Libraries in the older module form call require() for Node's own modules.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = parseArgs({ options: { version: { type: 'string' }, outfile: { type: 'string' } } });
  if (values.outfile === undefined) {
    console.error('usage: node scripts/build-agent.mjs --outfile PATH [--version VERSION]');
    process.exit(2);
  }
  await buildAgent({ outfile: resolve(values.outfile), version: values.version });
}
