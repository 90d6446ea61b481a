import { X509Certificate } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority } from '../../runtime/certificates/authority.ts';
import { checkSigningRequest, SigningRequestError } from '../../runtime/certificates/signing-request.ts';
import { opensslRequest, opensslText, opensslVerifies } from '../api/support/openssl.ts';

describe('The certification authority', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'eucora-ca-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is made once; its key is readable by its owner alone', async () => {
    expect(await CertificateAuthority.ensure(folder)).toBe(true);
    const paths = CertificateAuthority.paths(folder);
    const before = await readFile(paths.key, 'utf8');
    expect(await CertificateAuthority.ensure(folder)).toBe(false);
    expect(await readFile(paths.key, 'utf8')).toBe(before);
    expect((await stat(paths.key)).mode & 0o777).toBe(0o600);
    expect((await stat(paths.certificate)).mode & 0o777).toBe(0o644);
  });

  it('is made once by setups that run at the same time, with a key that fits', async () => {
    for (let round = 0; round < 5; round += 1) {
      const dataDir = join(folder, `parallel-${round}`);
      const made = await Promise.all(Array.from({ length: 8 }, () => CertificateAuthority.ensure(dataDir)));
      expect(made.filter((isNew) => isNew)).toHaveLength(1);
      await CertificateAuthority.open(dataDir);
      expect(await readdir(dataDir)).toEqual(['ca']);
      expect(await readdir(join(dataDir, 'ca'))).toEqual(['ca-key.pem', 'ca.pem']);
    }
  });

  it.each(['key', 'certificate'] as const)('is not made anew when only its %s is missing', async (lost) => {
    const dataDir = join(folder, `without-${lost}`);
    await CertificateAuthority.ensure(dataDir);
    const paths = CertificateAuthority.paths(dataDir);
    const kept = lost === 'key' ? paths.certificate : paths.key;
    const before = await readFile(kept, 'utf8');
    await rm(paths[lost]);
    await expect(CertificateAuthority.ensure(dataDir)).rejects.toThrow(/is not. Restore it/);
    expect(await readFile(kept, 'utf8')).toBe(before);
  });

  it('is not made anew when its key cannot be read', async () => {
    const dataDir = join(folder, 'unreadable');
    await CertificateAuthority.ensure(dataDir);
    const paths = CertificateAuthority.paths(dataDir);
    const before = await readFile(paths.certificate, 'utf8');
    // Reading a folder fails with EISDIR, for root as well.
    await rm(paths.key);
    await mkdir(paths.key);
    await expect(CertificateAuthority.ensure(dataDir)).rejects.toThrow(/EISDIR/);
    await expect(CertificateAuthority.open(dataDir)).rejects.toThrow(/EISDIR/);
    expect(await readFile(paths.certificate, 'utf8')).toBe(before);
  });

  it('cannot be opened with the key of another', async () => {
    const [one, other] = [join(folder, 'one'), join(folder, 'other')];
    await CertificateAuthority.ensure(one);
    await CertificateAuthority.ensure(other);
    await copyFile(CertificateAuthority.paths(other).key, CertificateAuthority.paths(one).key);
    await expect(CertificateAuthority.open(one)).rejects.toThrow(/is not the key of/);
  });

  it('cannot be opened where there is none', async () => {
    await expect(CertificateAuthority.open(join(folder, 'nowhere'))).rejects.toThrow(/run the setup first/);
  });

  it('is a CA that may issue end certificates only', async () => {
    const { certificatePem } = await CertificateAuthority.open(folder);
    const text = opensslText(certificatePem);
    expect(text).toMatch(/CA:TRUE, pathlen:0/);
    expect(text).toMatch(/Certificate Sign, CRL Sign/);
    expect(new X509Certificate(certificatePem).ca).toBe(true);
  });

  it('issues server certificates for names and addresses that openssl accepts', async () => {
    const authority = await CertificateAuthority.open(folder);
    const issued = await authority.issueServerCertificate(['eucora.example', '10.1.2.3', '::1']);
    expect(opensslVerifies(issued.certificate, authority.certificatePem, 'sslserver')).toBe(true);
    expect(opensslVerifies(issued.certificate, authority.certificatePem, 'sslclient')).toBe(false);
    const certificate = new X509Certificate(issued.certificate);
    expect(certificate.checkHost('eucora.example')).toBe('eucora.example');
    expect(certificate.checkIP('10.1.2.3')).toBe('10.1.2.3');
    expect(certificate.checkIP('::1')).toBe('::1');
    expect(issued.key).toMatch(/BEGIN PRIVATE KEY/);
    const nameless = await authority.issueServerCertificate([]);
    expect(new X509Certificate(nameless.certificate).subject).toMatch(/CN=localhost/);
  });

  it('issues serial numbers that are positive and never the same', async () => {
    const authority = await CertificateAuthority.open(folder);
    const { csr } = opensslRequest('P-256');
    const agent = { id: '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01', name: 'x' };
    const serials = await Promise.all(
      Array.from({ length: 20 }, async () => (await authority.issueAgentCertificate(csr, agent)).serial),
    );
    expect(new Set(serials).size).toBe(20);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/);
  });

  it('throws what it has to say of a request as an error of its own kind', async () => {
    await expect(checkSigningRequest('nothing')).rejects.toBeInstanceOf(SigningRequestError);
    const whole = Buffer.from(opensslRequest('P-256').csr.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
    for (let at = 0; at < whole.length; at += 1) {
      const broken = Buffer.from(whole);
      broken[at] = (broken[at] ?? 0) ^ 4;
      const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${broken.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
      // A few bits, of the signature's wrapping, mean nothing.
      const thrown = await checkSigningRequest(pem).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect([at, thrown === undefined || thrown instanceof SigningRequestError]).toEqual([at, true]);
    }
    const { csr } = opensslRequest('RSA 1024');
    await expect(checkSigningRequest(csr)).rejects.toThrow(/2048 to 8192 bits/);
  });
});
