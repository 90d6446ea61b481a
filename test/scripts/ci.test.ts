import { execFile } from 'node:child_process';
import { copyFile, mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { removeScratch, scratch, script } from '../cli/support/scratch.ts';

const ROOT = join(import.meta.dirname, '../..');
afterEach(removeScratch);

const TOOLS = ['java', 'mvn', 'openssl', 'dpkg-deb', 'ps', 'python3', 'chromium'];
const PACKAGING_TOOLS = [
  ...['gpg', 'gpg-agent', 'gpgv', 'rpmsign', 'rpmkeys', 'debsig-verify', 'wixl', 'msiinfo', 'osslsigncode'],
  ...['bwrap', 'unshare', 'prlimit', '7z', 'ar', 'cpio'],
];

/** A machine of stand-ins on which all that `.ci/run` asks for is there, and `npm test` fails to start Jest. */
async function machine(): Promise<{ root: string; bin: string }> {
  const root = await scratch();
  const bin = join(root, 'bin');
  for (const folder of ['.ci', 'scripts', 'bin']) await mkdir(join(root, folder));
  await copyFile(join(ROOT, '.ci/run'), join(root, '.ci/run'));
  await copyFile(join(ROOT, 'scripts/test-summary.mjs'), join(root, 'scripts/test-summary.mjs'));
  for (const tool of ['bash', 'dirname', 'id', 'ls', 'head', 'rm', 'awk'])
    await symlink(`/usr/bin/${tool}`, join(bin, tool));
  await symlink(process.execPath, join(bin, 'node'));
  for (const tool of [...TOOLS, ...PACKAGING_TOOLS]) await script(join(bin, tool), ':');
  await script(join(bin, 'go'), 'echo go version go1.25.5 linux/amd64');
  await script(join(bin, 'npm'), 'echo "npm $*"; [ "$1" = --version ] || exit 3');
  for (const tool of ['apt-get', 'apt-cache', 'sudo'])
    await script(join(bin, tool), 'echo "$0 $*" >&2; exit 100');
  return { root, bin };
}

async function ci({ root, bin }: { root: string; bin: string }): Promise<{ code: unknown; output: string }> {
  return new Promise((done) => {
    // Both outputs into one, as a log has them.
    const command = ['-c', `exec "${join(root, '.ci/run')}" 2>&1`];
    execFile('/bin/bash', command, { env: { PATH: bin, HOME: root } }, (error, output) =>
      done({ code: error?.code ?? 0, output }),
    );
  });
}

test('the last line tells the outcome also when Jest does not start', async () => {
  const { code, output } = await ci(await machine());
  expect(output).toContain('nothing is missing');
  expect(output).toContain('npm test');
  expect(output).toMatch(/There are no test results.*\n0 passed, 1 failed\n$/);
  expect(code).toBe(3);
});

test('and when the machine cannot be prepared', async () => {
  const prepared = await machine();
  await rm(join(prepared.bin, 'java'));
  await rm(join(prepared.bin, 'mvn'));
  const { code, output } = await ci(prepared);
  expect(output).toContain('installing: default-jre-headless maven\n');
  expect(output).not.toContain('npm test');
  expect(output).toMatch(/\n0 passed, 1 failed\n$/);
  expect(code).toBe(100);
});
