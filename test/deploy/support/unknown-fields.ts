import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from './manifests.ts';

const ROOT = join(import.meta.dirname, '../../..');

/**
 * Fields that the published types of Kubernetes and KEDA do not know, as the compiler tells them. The schemas let them
 * pass, and so would a cluster, which drops them: a probe whose name is misspelt would never run.
 */
export async function unknownFields(manifests: readonly Manifest[]): Promise<string> {
  // Below node_modules, so that the packages are found from there.
  const folder = join(ROOT, 'node_modules', '.cache', `eucora-manifests-${process.pid}`);
  await mkdir(folder, { recursive: true });
  try {
    const files = await Promise.all(
      manifests.map(async (manifest, index) => {
        const file = join(folder, `${manifest.kind}-${index}.ts`);
        await writeFile(file, typed(manifest));
        return file;
      }),
    );
    return await compilerSays(files);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function typed(manifest: Manifest): string {
  const { apiVersion, kind } = manifest;
  const packageName = apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : 'kubernetes-models';
  return `import type { I${kind} } from '${packageName}/${apiVersion}/${kind}';
export const manifest: I${kind} = ${JSON.stringify(manifest, undefined, 2)};
`;
}

/** @returns what the compiler objects to; empty when nothing */
function compilerSays(files: readonly string[]): Promise<string> {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const options = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--types',
    '',
  ];
  return new Promise((resolve) => {
    execFile(process.execPath, [tsc, ...options, ...files], { cwd: ROOT }, (_error, stdout, stderr) =>
      resolve(`${stdout}${stderr}`.trim()),
    );
  });
}
