import { writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readArMembers } from '../../agent/deploy/ar.ts';
import { PrivateRootDeb } from '../../agent/deploy/deb.ts';
import type { Downloader } from '../../agent/deploy/download.ts';
import { verifyDebSignature } from '../../agent/deploy/signature-deb.ts';
import { childEnvironment } from '../../agent/process/environment.ts';
import { run } from '../../agent/process/run.ts';
import { Tools } from '../../agent/system/tools.ts';
import { deployExecutor } from '../../agent/tasks/deploy.ts';
import { ExecutionFailure } from '../../agent/tasks/executor.ts';
import { executionOf } from './execution.ts';
import { findMember, member, newDebSigner } from './signing.ts';
import { buildDeb, fakeTools, removeFolders, sha256, temporaryFolder } from './support.ts';

afterAll(() => {
  signer.dispose();
  stranger.dispose();
  removeFolders();
});
const tools = new Tools(run, childEnvironment({ PATH: process.env['PATH'] }, 'linux'), 'linux');
const signer = newDebSigner('trusted');
const stranger = newDebSigner('stranger');
const deb = buildDeb('signed', '1.0-1', { 'opt/signed/a': 'content' });
const signed = signer.sign(deb);

function verify(content: Buffer, keys: readonly string[] = [signer.publicKey], by = tools): Promise<string> {
  const path = join(temporaryFolder(), 'p.deb');
  writeFileSync(path, content);
  return verifyDebSignature(path, { trusted_keys: [...keys] }, by, temporaryFolder());
}

function flipped(content: Buffer, offset: number): Buffer {
  const copy = Buffer.from(content);
  copy[offset] = (copy[offset] ?? 0) ^ 1;
  return copy;
}

describe('the signature in a deb', () => {
  it('is taken from a key that the task trusts, among others, and leaves nothing behind', async () => {
    expect(await verify(signed)).toBe(signer.fingerprint);
    expect(await verify(signed, [stranger.publicKey, signer.publicKey])).toBe(signer.fingerprint);
    const scratch = temporaryFolder();
    const path = join(temporaryFolder(), 'p.deb');
    writeFileSync(path, signed);
    await verifyDebSignature(path, { trusted_keys: [signer.publicKey] }, tools, scratch);
    expect(await readdir(scratch)).toEqual([]);
  });

  it('shows a flipped byte in every part that is signed, wherever it lies', async () => {
    for (const part of ['debian-binary', 'control.tar', 'data.tar']) {
      const { offset, size } = findMember(signed, part);
      for (const at of [0, Math.floor(size / 2), size - 1]) {
        await expect(verify(flipped(signed, offset + at))).rejects.toThrow(/changed after it was signed/);
      }
    }
    const { offset, size } = findMember(signed, '_gpgorigin');
    await expect(verify(flipped(signed, offset + Math.floor(size / 2)))).rejects.toThrow();
  });

  it('is refused from a key that is not trusted, and when there is none', async () => {
    await expect(verify(stranger.sign(deb))).rejects.toThrow(/signed by a key that is not trusted/);
    await expect(verify(deb)).rejects.toThrow(/is not signed/);
    await expect(verify(signed, ['no key'])).rejects.toThrow(/no armored OpenPGP public key/);
  });

  it('must cover all that the package holds', async () => {
    const data = findMember(signed, 'data.tar');
    const smuggled = member('data.tar.xz', Buffer.from('other'));
    const before = Buffer.concat([deb.subarray(0, 8), smuggled, signed.subarray(8)]);
    const after = Buffer.concat([signed, smuggled]);
    for (const content of [before, after]) await expect(verify(content)).rejects.toThrow(/not signed/);
    await expect(verify(signed.subarray(0, data.offset + 5))).rejects.toThrow(/cut off/);
    const huge = Buffer.concat([deb, member('_gpgorigin', Buffer.alloc(70_000))]);
    await expect(verify(huge)).rejects.toThrow(/too large/);
  });

  it('cannot be checked without gpgv, and that is said', async () => {
    await expect(
      verify(
        signed,
        undefined,
        fakeTools('linux', () => undefined),
      ),
    ).rejects.toThrow(/gpgv is not installed/);
    const broken = fakeTools('linux', () => ({ exitCode: 2, stderr: 'gpgv: out of memory' }));
    await expect(verify(signed, undefined, broken)).rejects.toThrow(/cannot be checked: gpgv: out of memory/);
  });
});

describe('archives', () => {
  const membersOf = (content: string | Buffer) => {
    const path = join(temporaryFolder(), 'a');
    writeFileSync(path, content);
    return readArMembers(path);
  };

  it('are read member by member', async () => {
    expect((await membersOf(signed)).map(({ name }) => name.replace(/\.tar\..*/, ''))).toEqual([
      'debian-binary',
      'control',
      'data',
      '_gpgorigin',
    ]);
    expect(await membersOf('!<arch>\n')).toEqual([]);
  });

  it.each([
    ['', /no Debian package/],
    ['no archive at all', /no Debian package/],
    [`!<arch>\n${'x'.repeat(60)}`, /damaged/],
    ['!<arch>\nshort', /cut off/],
    [`!<arch>\n${member('a', Buffer.from('1')).toString().repeat(17)}`, /more than 16 members/],
  ])('that are none are refused: %#', async (content, why) => {
    await expect(membersOf(content)).rejects.toThrow(why);
  });
});

describe('DEPLOY of a signed deb', () => {
  const failure = async (content: Buffer, more: object) => {
    const root = join(temporaryFolder(), 'root');
    const path = join(temporaryFolder(), 'artifact');
    writeFileSync(path, content);
    const execute = deployExecutor({
      downloader: { fetch: async () => path } as unknown as Downloader,
      installerFor: () => new PrivateRootDeb(tools, root, temporaryFolder()),
      tools,
      scratch: temporaryFolder(),
    });
    const task = executionOf({
      package_name: 'signed',
      package_version: '1.0-1',
      artifact: { sha256: sha256(content) },
      signature: { trusted_keys: [signer.publicKey] },
      ...more,
    });
    return execute(task).then(
      (executed) => executed,
      (error: unknown) => {
        if (!(error instanceof ExecutionFailure)) throw error;
        return { kind: error.result['failure_kind'], message: error.message };
      },
    );
  };

  it('installs it and says who signed it', async () => {
    expect(await failure(signed, {})).toMatchObject({
      word: 'complete',
      body: { result: { signed_by: signer.fingerprint, method: 'dpkg --root' } },
    });
  });

  it.each([
    [
      'a flipped byte',
      () => flipped(signed, findMember(signed, 'data.tar').offset + 9),
      {},
      'signature',
      /Nothing was installed: the signature is wrong/,
    ],
    ['a foreign key', () => stranger.sign(deb), {}, 'signature', /Nothing was installed: .* not trusted/],
    [
      'another machine',
      () => signed,
      { requirements: { min_memory_mb: 900_000_000 } },
      'requirements',
      /Not for this machine/,
    ],
    [
      'a missing dependency',
      () => signed,
      { dependencies: [{ package_name: 'not-there' }] },
      'dependency',
      /not-there is not installed/,
    ],
    [
      'a rule that does not hold',
      () => signed,
      { detection: { file_exists: 'opt/other' } },
      'detection',
      /is not there/,
    ],
    ['no package', () => Buffer.from('x'), { signature: undefined }, 'install', /dpkg-deb failed/],
  ])('fails with its kind: %s', async (_what, content, more, kind, message) => {
    expect(await failure(content(), more)).toEqual({ kind, message: expect.stringMatching(message) });
  });

  it('replaces what it takes the place of, and uninstalls', async () => {
    const root = join(temporaryFolder(), 'root');
    const installer = new PrivateRootDeb(tools, root, temporaryFolder());
    const { signal } = new AbortController();
    const old = join(temporaryFolder(), 'old.deb');
    writeFileSync(old, buildDeb('older', '0.9', { 'opt/older': 'x' }));
    await installer.install(old, signal);
    const path = join(temporaryFolder(), 'artifact');
    writeFileSync(path, signed);
    const execute = deployExecutor({
      downloader: { fetch: async () => path } as unknown as Downloader,
      installerFor: () => installer,
      tools,
      scratch: temporaryFolder(),
    });
    const base = { package_name: 'signed', package_version: '1.0-1' };
    const replaces = [
      { package_name: 'older', version: '1.0', operator: '<' },
      { package_name: 'never-there' },
    ];
    const installed = await execute(executionOf({ ...base, artifact: { sha256: sha256(signed) }, replaces }));
    expect(installed).toMatchObject({ body: { result: { replaced: ['older 0.9'] } } });
    expect(await installer.versionOf('older')).toBeUndefined();
    const uninstall = executionOf({ ...base, action: 'uninstall' });
    expect(await execute(uninstall)).toMatchObject({ body: { result: { already_removed: false } } });
    expect(await installer.versionOf('signed')).toBeUndefined();
    expect(await execute(uninstall)).toMatchObject({ body: { result: { already_removed: true } } });
  });
});
