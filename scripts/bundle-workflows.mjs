import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

/** The product's workflows, and those of the simulator, which the product's worker never sees. */
const BUNDLES = [
  ['index.js', 'workflow-bundle'],
  ['simulation/index.js', 'simulation-bundle'],
];

/**
 * Bundles the compiled workflows of a build folder, and writes the SDK's version beside each bundle
 * (`workflow-bundle.json`): a worker of another version must not run it.
 */
export async function bundleWorkflows(dist) {
  for (const [source, name] of BUNDLES) {
    const workflowsPath = join(dist, 'workflows', source);
    if (existsSync(workflowsPath)) await bundle(workflowsPath, join(dist, name));
  }
}

async function bundle(workflowsPath, target) {
  const quiet = () => {};
  const logger = {
    log: quiet,
    trace: quiet,
    debug: quiet,
    info: quiet,
    warn: (message) => console.warn(message),
    error: (message) => console.error(message),
  };
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    // Run once for all workflows of a worker, and not again for each: modules keep no state (test/architecture).
    preloadModules: [workflowsPath],
    logger,
  });
  writeFileSync(`${target}.js`, code);
  const sdk = createRequire(import.meta.url).resolve('@temporalio/workflow/package.json');
  const { version } = JSON.parse(readFileSync(sdk, 'utf8'));
  writeFileSync(`${target}.json`, `${JSON.stringify({ temporalSdk: version })}\n`);
}
