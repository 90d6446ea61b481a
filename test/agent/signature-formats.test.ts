import { createHash, X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Downloader } from '../../agent/deploy/download.ts';
import type { Installer } from '../../agent/deploy/installer.ts';
import type { PackageFormat } from '../../agent/deploy/native.ts';
import { verifySignature } from '../../agent/deploy/signature.ts';
import { childEnvironment } from '../../agent/process/environment.ts';
import { run } from '../../agent/process/run.ts';
import { Tools } from '../../agent/system/tools.ts';
import { deployExecutor } from '../../agent/tasks/deploy.ts';
import { ExecutionFailure } from '../../agent/tasks/executor.ts';
import { readSigningKeys, signPackage, verifyPackage } from '../../packaging/index.ts';
import { ensureDevelopmentKeys, makeOpenPgpKey } from '../../packaging/keys/development.ts';
import { PackagingWorld, packagingPath } from '../packaging/support/world.ts';
import { executionOf } from './execution.ts';
import { fakeTools, removeFolders, sha256, temporaryFolder } from './support.ts';

interface Made {
  readonly unsigned: Buffer;
  readonly signed: Buffer;
  /** As the platform tells agents. */
  readonly publicKey: string;
  readonly thumbprint: string;
}

let world: PackagingWorld;
let tools: Tools;
let strangerKey: string;
let strangerCertificate: string;
const made = new Map<PackageFormat, Made>();
const of = (format: PackageFormat): Made => {
  const found = made.get(format);
  if (found === undefined) throw new Error(`${format} was not made`);
  return found;
};

/** Signed by the factory itself, and with the key that it tells. */
async function make(format: PackageFormat): Promise<void> {
  const keys = await world.developmentKeys();
  const { ctx, built } = await world.build(format);
  const signed = await signPackage(ctx, built, keys, 'development');
  const { public_key: publicKey, thumbprint } = await verifyPackage(ctx, signed, keys);
  const [before, after] = [readFileSync(built.file), readFileSync(signed.file)];
  made.set(format, { unsigned: before, signed: after, publicKey, thumbprint });
}

beforeAll(async () => {
  world = await PackagingWorld.open();
  const path = (await packagingPath()).join(':');
  tools = new Tools(run, childEnvironment({ PATH: path }, 'linux'), 'linux');
  for (const format of ['rpm', 'msi', 'pkg'] as const) await make(format);
  const ctx = await world.context();
  strangerKey = (await makeOpenPgpKey(ctx, 'Stranger <s@example.org>', { expires: '1y' })).public;
  const others = await readSigningKeys(await ensureDevelopmentKeys(ctx, world.path('others')));
  const { built } = await world.build('msi');
  const signed = await signPackage(ctx, built, others, 'development');
  strangerCertificate = (await verifyPackage(ctx, signed, others)).public_key;
}, 180_000);
afterAll(async () => {
  removeFolders();
  await world.close();
});

function verify(
  format: PackageFormat,
  content: Buffer,
  by: Tools,
  keys: readonly string[] = [of(format).publicKey],
  scratch = temporaryFolder(),
): Promise<string> {
  const path = join(temporaryFolder(), `p.${format}`);
  writeFileSync(path, content);
  return verifySignature(format, path, { trusted_keys: [...keys] }, by, scratch);
}

describe('The signature of an rpm', () => {
  it('is checked by rpmkeys, against the task’s keys alone, and leaves nothing behind', async () => {
    const scratch = temporaryFolder();
    const keys = [strangerKey, of('rpm').publicKey];
    const signer = await verify('rpm', of('rpm').signed, tools, keys, scratch);
    expect(of('rpm').thumbprint.toUpperCase().endsWith(signer)).toBe(true);
    expect(await readdir(scratch)).toEqual([]);
  });

  it('is refused when it is missing, of another key, or wrong', async () => {
    const { signed, unsigned } = of('rpm');
    await expect(verify('rpm', unsigned, tools)).rejects.toThrow(
      'Nothing was installed: the package is not signed',
    );
    await expect(verify('rpm', signed, tools, [strangerKey])).rejects.toThrow(/key that is not trusted/);
    await expect(verify('rpm', signed, tools, ['no key'])).rejects.toThrow(
      /trusted key of the task cannot be used/,
    );
    await expect(verify('rpm', Buffer.from('no rpm'), tools)).rejects.toThrow(/cannot be checked/);
  });

  it('shows a flipped byte wherever it lies', async () => {
    const { signed } = of('rpm');
    for (const part of [0.3, 0.5, 0.7, 0.9, 0.999]) {
      const copy = Buffer.from(signed);
      const at = Math.floor(copy.length * part);
      copy[at] = (copy[at] ?? 0) ^ 1;
      await expect(verify('rpm', copy, tools)).rejects.toThrow(/Nothing was installed/);
    }
  });

  it('cannot be checked without rpmkeys, and that is said', async () => {
    const bare = fakeTools('linux', () => undefined);
    await expect(verify('rpm', of('rpm').signed, bare)).rejects.toThrow(/rpmkeys is not installed/);
    const lenient = fakeTools('linux', () => ({ stdout: 'p.rpm: digests OK' }));
    await expect(verify('rpm', of('rpm').signed, lenient)).rejects.toThrow(
      /cannot be checked: p\.rpm: digests OK/,
    );
  });
});

const base64 = (pem: string): string => new X509Certificate(pem).raw.toString('base64');

describe('The signature of an msi', () => {
  const windows = (answer: object | string | undefined) =>
    fakeTools('win32', () => (typeof answer === 'object' ? JSON.stringify(answer) : answer));
  const valid = () => ({
    status: 'Valid',
    message: 'Signature verified.',
    certificate: base64(of('msi').publicKey),
  });

  it('is checked by Windows, and must be of a certificate that the task trusts', async () => {
    const keys = [strangerCertificate, of('msi').publicKey];
    expect(await verify('msi', of('msi').signed, windows(valid()), keys)).toBe(of('msi').thumbprint);
  });

  it('is asked for by a path that PowerShell does not parse', async () => {
    const seen: unknown[] = [];
    const limits: unknown[] = [];
    const asked = new Tools(
      async (_command, args, { env, timeLimitMs }) => {
        seen.push(env['EUCORA_PACKAGE_FILE']);
        limits.push(timeLimitMs);
        expect(args.join(' ')).not.toContain('p.msi');
        return { ...RAN, stdout: JSON.stringify(valid()) };
      },
      {},
      'win32',
    );
    await verify('msi', of('msi').signed, asked);
    expect(seen).toEqual([expect.stringMatching(/p\.msi$/)]);
    // As long as for all formats: large packages are read as a whole.
    expect(limits).toEqual([300_000]);
  });

  it.each([
    ['NotSigned', {}, /is not signed/],
    ['HashMismatch', {}, /changed after it was signed/],
    [
      'UnknownError',
      { message: 'untrusted root' },
      /does not vouch for the signature \(UnknownError\): untrusted root/,
    ],
    ['NotTrusted', { message: null }, /NotTrusted\): no reason was told/],
    ['Valid', { certificate: '' }, /does not vouch/],
  ])('is refused where Windows says %s', async (status, more, why) => {
    await expect(verify('msi', Buffer.from(''), windows({ ...valid(), status, ...more }))).rejects.toThrow(
      why,
    );
  });

  it('is refused of another certificate, and where it cannot be checked', async () => {
    const by = (answer: object | string | undefined, keys = [of('msi').publicKey]) =>
      verify('msi', Buffer.from(''), windows(answer), keys);
    await expect(by(valid(), [strangerCertificate])).rejects.toThrow(
      /certificate that is not trusted \(SHA-256 /,
    );
    await expect(by(valid(), ['no certificate'])).rejects.toThrow(/no certificate in PEM form/);
    await expect(by('no JSON')).rejects.toThrow(/not understood/);
    await expect(by(undefined)).rejects.toThrow(/PowerShell did not check/);
  });
});

const RAN = {
  exitCode: 0,
  signal: null,
  stderr: '',
  stdoutTruncated: false,
  stderrTruncated: false,
  timedOut: false,
  durationMs: 1,
};

describe('The signature of a pkg', () => {
  const fingerprint = (pem: string): string => {
    const hex = createHash('sha256').update(new X509Certificate(pem).raw).digest('hex').toUpperCase();
    const pairs = hex.match(/../g) ?? [];
    return `           ${pairs.slice(0, 24).join(' ')} \n           ${pairs.slice(24).join(' ')}`;
  };
  const DISTRIBUTION = 'signed by a developer certificate issued by Apple for distribution';
  const chain = (pem: string, status = DISTRIBUTION): string =>
    [
      'Package "p.pkg":',
      `   Status: ${status}`,
      '   Signed with a trusted timestamp on: 2026-11-25 10:00:00 +0000',
      '   Certificate Chain:',
      '    1. Developer ID Installer: Example (TEAM)',
      '       Expires: 2030-01-01 00:00:00 +0000',
      '       SHA256 Fingerprint:',
      fingerprint(pem),
      '       ------------------------------------------------------------------------',
      '    2. Developer ID Certification Authority',
      '       Expires: 2031-01-01 00:00:00 +0000',
      '       SHA256 Fingerprint:',
      fingerprint(strangerCertificate),
      '',
    ].join('\n');
  const mac = (stdout: string | undefined, exitCode = 0) =>
    fakeTools('darwin', () => (stdout === undefined ? undefined : { stdout, exitCode }));

  it('is checked by macOS, and its first certificate must be one that the task trusts', async () => {
    const { publicKey, signed, thumbprint } = of('pkg');
    const by = mac(chain(publicKey));
    expect(await verify('pkg', signed, by)).toBe(thumbprint);
    expect(by.asked[0]).toMatch(/^pkgutil --check-signature \/.*p\.pkg$/);
    // An authority further up is not the signer.
    await expect(verify('pkg', signed, by, [strangerCertificate])).rejects.toThrow(/not trusted \(SHA-256/);
  });

  it.each([
    ['Status: no signature', 1, /is not signed/],
    ['Status: package is invalid (checksum did not verify)', 1, /does not vouch.*checksum did not verify/],
    ['Status: signed by untrusted certificate', 0, /does not vouch.*untrusted/],
    ['', 64, /does not vouch/],
    [
      `Status: ${DISTRIBUTION}\n   Certificate Chain:\n    1. X\n       SHA1 Fingerprint: AB`,
      0,
      /tells no SHA-256/,
    ],
  ])('is refused where macOS says “%s”', async (stdout, exitCode, why) => {
    await expect(verify('pkg', Buffer.from(''), mac(stdout, exitCode))).rejects.toThrow(why);
  });

  it('is refused where it cannot be checked, or the first certificate tells no fingerprint', async () => {
    const { publicKey } = of('pkg');
    await expect(verify('pkg', Buffer.from(''), mac(undefined))).rejects.toThrow(/pkgutil is not installed/);
    const without = chain(publicKey).replace(`       SHA256 Fingerprint:\n${fingerprint(publicKey)}\n`, '');
    await expect(verify('pkg', Buffer.from(''), mac(without), [strangerCertificate])).rejects.toThrow(
      /no SHA-256/,
    );
  });
});

describe('DEPLOY of a package whose signature is not right', () => {
  it.each(['rpm', 'msi', 'pkg'] as const)('%s: nothing is installed, removed or run', async (format) => {
    const done: string[] = [];
    const installer: Installer = {
      root: '/',
      versionOf: async (name) => (name === 'older' ? '1' : undefined),
      install: async () => {
        done.push('install');
        return { method: 'fake', output: '', notes: [] };
      },
      remove: async () => {
        done.push('remove');
        return { method: 'fake', output: '', notes: [] };
      },
    };
    const source = world.path(`artifact-${format}`);
    writeFileSync(source, of(format).unsigned);
    const path = join(temporaryFolder(), 'artifact');
    copyFileSync(source, path);
    const execute = deployExecutor({
      downloader: { fetch: async () => path } as unknown as Downloader,
      installerFor: () => installer,
      tools: format === 'rpm' ? tools : fakeTools('linux', () => undefined),
      scratch: temporaryFolder(),
    });
    const failure = await execute(
      executionOf({
        package_name: 'hello',
        package_version: '1',
        format,
        artifact: { sha256: sha256(of(format).unsigned) },
        signature: { trusted_keys: [of(format).publicKey] },
        replaces: [{ package_name: 'older' }],
      }),
    ).catch((error: unknown) => error);
    if (!(failure instanceof ExecutionFailure)) throw failure;
    expect(failure.result['failure_kind']).toBe('signature');
    expect(failure.message).toMatch(/^Nothing was installed: /);
    expect(done).toEqual([]);
  });
});
