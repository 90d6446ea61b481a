import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

/**
 * Bundles the compiled workflows of a build folder into `workflow-bundle.js`, and writes the SDK's version beside it
 * (`workflow-bundle.json`): a worker of another version must not run it.
 */
export async function bundleWorkflows(dist) {
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
    workflowsPath: join(dist, 'workflows', 'index.js'),
    mode: 'production',
    logger,
  });
  writeFileSync(join(dist, 'workflow-bundle.js'), code);
  const sdk = createRequire(import.meta.url).resolve('@temporalio/workflow/package.json');
  const { version } = JSON.parse(readFileSync(sdk, 'utf8'));
  writeFileSync(join(dist, 'workflow-bundle.json'), `${JSON.stringify({ temporalSdk: version })}\n`);
}
