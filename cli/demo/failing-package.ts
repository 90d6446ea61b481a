import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildDeb, REPORT_FILE, REPORT_PACKAGE } from './artifacts.ts';

/** Why the package cannot be installed on this machine, and how somebody could tell that it can be now. */
export interface Obstacle {
  /** The package, built to meet the obstacle. */
  readonly path: string;
  readonly told: string;
  /** What an operator would do about it; for machines without the tools that the suggestion needs. */
  readonly script: string;
  /** Whether what the rules suggest can work here. */
  readonly isForRules: boolean;
  readonly gone: string;
  isGone(): Promise<boolean>;
  clear(): Promise<void>;
}

/** Takes the port that it is told, answers once, and ends: 0 when that worked, 1 when somebody else has the port. */
const SERVICE = `import { createServer } from 'node:http';
const port = Number(process.argv[2]);
const server = createServer((_request, response) => response.end('report'));
server.on('error', (error) => {
  console.error(\`report service: cannot listen: port \${port} is already in use (\${error.code})\`);
  process.exit(1);
});
server.listen(port, '127.0.0.1', async () => {
  console.log(await (await fetch(\`http://127.0.0.1:\${port}\`)).text());
  server.close();
});
`;
/** Something that was left over, and holds the port that the service needs. It tells which, and ends with us. */
const LEFTOVER = `const server = require('node:net').createServer();
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();`;

const PACKAGE = {
  name: REPORT_PACKAGE,
  version: '1.0',
  description: 'A service that the demo of EUCORA deploys',
  file: REPORT_FILE,
  content: SERVICE,
} as const;

/** The package starts its service when it is installed, and another program has the service's port. */
export async function portInUse(folder: string): Promise<Obstacle> {
  const { leftover, port } = await takePort();
  const start = `'${process.execPath}' '${REPORT_FILE}' ${port}`;
  const runs = (): boolean => leftover.exitCode === null && leftover.signalCode === null;
  const path = await buildDeb(folder, {
    ...PACKAGE,
    afterwards: `#!/bin/sh\nset -e\nif [ "$1" = configure ]; then\n  ${start}\nfi\n`,
  }).catch((error: unknown) => {
    // Each would wait for the end of the other.
    leftover.kill('SIGKILL');
    throw error;
  });
  return {
    path,
    told: `Its service is started by the package, and process ${leftover.pid} has its port ${port}`,
    script: `kill ${leftover.pid}\nsleep 1\n`,
    isForRules: await hasSocketTool(),
    gone: `What held port ${port} was ended, and the service starts`,
    isGone: async () => !runs(),
    clear: async () => {
      leftover.kill('SIGKILL');
    },
  };
}

/** Without root no script of a package runs: here a version before has left its folder read-only. */
export async function folderReadOnly(folder: string, installRoot: string): Promise<Obstacle> {
  const own = dirname(join(installRoot, REPORT_FILE));
  await mkdir(own, { recursive: true });
  await chmod(own, 0o555);
  return {
    path: await buildDeb(folder, { ...PACKAGE, folderMode: 0o555 }),
    told: 'A version before has left its folder read-only',
    script: `chmod u+w '${own}'\n`,
    isForRules: false,
    gone: 'The folder can be written, and the package is installed',
    isGone: async () => true,
    clear: () => chmod(own, 0o755).catch(() => undefined),
  };
}

async function takePort(): Promise<{ readonly leftover: ChildProcess; readonly port: number }> {
  const leftover = spawn(process.execPath, ['-e', LEFTOVER], { stdio: ['pipe', 'pipe', 'ignore'] });
  const [told] = await once(leftover.stdout, 'data');
  return { leftover, port: Number(told) };
}

/** `ss` of iproute2, which the suggestion uses. */
async function hasSocketTool(): Promise<boolean> {
  const child = spawn('ss', ['-V'], { stdio: 'ignore' });
  return new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}
