import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const ROOT = resolve(__dirname, '../..');
let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eucora-worker-'));
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await mkdir(join(folder, 'workers'));
  // As the bundled file sees it, which lies deeper than the code that it holds.
  await writeFile(join(folder, 'workers/workflow-bundle.js'), '');
  await build({
    entryPoints: [join(ROOT, 'workers/control-plane/main.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile: join(folder, 'workers/control-plane/main.js'),
  });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** Starts the worker without any engine and returns when it waits for Temporal. */
async function waitingWorker(): Promise<{ child: ChildProcess; ended: Promise<unknown> }> {
  const child = spawn(process.execPath, [join(folder, 'workers/control-plane/main.js')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none',
      TEMPORAL_ADDRESS: '127.0.0.1:9',
      EUCORA_DATA_DIR: folder,
      EUCORA_WORKER_HEALTH_PORT: '0',
      EUCORA_EXIT_WITH_PARENT: '1',
    },
  });
  children.push(child);
  const ended = new Promise((done) => child.once('exit', (code, signal) => done(code ?? signal)));
  await new Promise<void>((waits, fails) => {
    child.stdout?.on('data', (text: Buffer) => {
      if (text.includes('Temporal cannot be reached yet')) waits();
    });
    ended.then((how) => fails(new Error(`it ended with ${how}`)));
  });
  return { child, ended };
}

it('a worker that waits for engines ends with its parent', async () => {
  const { child, ended } = await waitingWorker();
  child.stdin?.end();
  expect(await ended).toBe(0);
});

it('a worker that waits for engines ends on SIGTERM, in order', async () => {
  const { child, ended } = await waitingWorker();
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});
