import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority } from '../../../runtime/certificates/authority.ts';

export interface Pair {
  readonly keyPem: string;
  readonly csr: string;
}

const KEYS = {
  'RSA 1024': ['-newkey', 'rsa:1024'],
  'RSA 2048': ['-newkey', 'rsa:2048'],
  'P-256': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
  'P-384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1'],
  ed25519: ['-newkey', 'ed25519'],
} as const;
export type KeyKind = keyof typeof KEYS;

function inScratch<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'eucora-openssl-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const openssl = (cwd: string, args: readonly string[]) =>
  execFileSync('openssl', [...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** A key and a signing request, made by the real openssl. */
export function opensslRequest(kind: KeyKind, subject = '/CN=openssl'): Pair {
  return inScratch((cwd) => {
    openssl(cwd, [
      'req',
      '-new',
      ...KEYS[kind],
      '-nodes',
      '-keyout',
      'key.pem',
      '-out',
      'csr.pem',
      '-subj',
      subject,
    ]);
    return {
      keyPem: readFileSync(join(cwd, 'key.pem'), 'utf8'),
      csr: readFileSync(join(cwd, 'csr.pem'), 'utf8'),
    };
  });
}

/** What openssl reads in a certificate: subject, issuer, validity, extensions. */
export function opensslText(certificate: string): string {
  return inScratch((cwd) => {
    writeFileSync(join(cwd, 'cert.pem'), certificate);
    return openssl(cwd, [
      'x509',
      '-in',
      'cert.pem',
      '-noout',
      '-text',
      '-nameopt',
      'sep_multiline,esc_ctrl,esc_msb,utf8,sname',
    ]);
  });
}

export function opensslVerifies(certificate: string, caPem: string, purpose: string): boolean {
  return inScratch((cwd) => {
    writeFileSync(join(cwd, 'cert.pem'), certificate);
    writeFileSync(join(cwd, 'ca.pem'), caPem);
    try {
      return /: OK/.test(openssl(cwd, ['verify', '-purpose', purpose, '-CAfile', 'ca.pem', 'cert.pem']));
    } catch {
      return false;
    }
  });
}

/** A certificate issued by openssl: by a CA of its own, or by the platform's when its data directory is given. */
export function opensslCertificate(options: {
  subject: string;
  dataDir?: string;
  days: readonly [notBefore: Date, notAfter: Date];
  usage?: 'clientAuth' | 'serverAuth';
}): { certificate: string; keyPem: string } {
  return inScratch((cwd) => {
    const { keyPem, csr } = opensslRequest('P-256', options.subject);
    writeFileSync(join(cwd, 'csr.pem'), csr);
    if (options.dataDir === undefined) {
      openssl(cwd, [
        'req',
        '-x509',
        ...KEYS['P-256'],
        '-nodes',
        '-keyout',
        'ca-key.pem',
        '-out',
        'ca.pem',
        '-subj',
        '/O=EUCORA/CN=EUCORA CA',
        '-days',
        '30',
      ]);
    } else {
      const paths = CertificateAuthority.paths(options.dataDir);
      writeFileSync(join(cwd, 'ca.pem'), readFileSync(paths.certificate));
      writeFileSync(join(cwd, 'ca-key.pem'), readFileSync(paths.key));
    }
    writeFileSync(
      join(cwd, 'ca.cnf'),
      `[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ncertificate=ca.pem\nprivate_key=ca-key.pem\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\norganizationName=optional\norganizationalUnitName=optional\n[e]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=${options.usage ?? 'clientAuth'}\n`,
    );
    writeFileSync(join(cwd, 'index.txt'), '');
    writeFileSync(join(cwd, 'serial'), '4D20\n');
    const [from, to] = options.days.map((day) => `${day.toISOString().replaceAll(/[-:T]|\.\d{3}/g, '')}`);
    openssl(cwd, [
      'ca',
      '-batch',
      '-config',
      'ca.cnf',
      '-extensions',
      'e',
      '-in',
      'csr.pem',
      '-out',
      'cert.pem',
      '-startdate',
      String(from),
      '-enddate',
      String(to),
      '-notext',
    ]);
    return { certificate: readFileSync(join(cwd, 'cert.pem'), 'utf8'), keyPem };
  });
}

export const daysFromNow = (days: number): Date => new Date(Date.now() + days * 86_400_000);
