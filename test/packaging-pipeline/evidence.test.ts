import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EvidenceSigner } from '../../activities/packaging-pipeline/evidence/signer.ts';
import { canonicalJson, statementOf } from '../../activities/packaging-pipeline/evidence/statement.ts';
import { dsseEnvelopeSchema, serializeEnvelope } from '../../contracts/packaging-pipeline/dsse.ts';
import { EvidenceError, verifyEvidence } from '../../evidence/verify.ts';
import { CertificateAuthority } from '../../runtime/certificates/authority.ts';
import { eucora } from '../cli/commands/support/session.ts';
import { fc } from '../harness/properties.ts';
import { passedRow, REPORT } from './support/rows.ts';

let folder: string;
let authority: CertificateAuthority;
let signer: EvidenceSigner;
let document: string;
let certificate: string;
const row = passedRow();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'eucora-evidence-'));
  await CertificateAuthority.ensure(folder);
  authority = await CertificateAuthority.open(folder);
  const issued = await authority.issueEvidenceCertificate();
  certificate = issued.certificate;
  signer = new EvidenceSigner(certificate, issued.key);
  document = signer.seal(statementOf(row, REPORT, null, new Date()));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const trust = () => ({ ca: authority.certificatePem });
const refused = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof EvidenceError) return error.message;
    throw error;
  }
  return 'taken';
};

it('carries hashes, signer, scan, decision, tools and intent, and verifies by authority or key', () => {
  const statement = verifyEvidence(document, trust());
  expect(verifyEvidence(document, { key: certificate })).toEqual(statement);
  expect(statement).toMatchObject({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'hello.deb', digest: { sha256: '2'.repeat(64) } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        resolvedDependencies: [{ uri: 'https://example.org/hello.tgz', digest: { sha256: '1'.repeat(64) } }],
      },
      runDetails: {
        builder: { version: { nfpm: '2.45.2' } },
        byproducts: [{ digest: { sha256: '3'.repeat(64) } }, { digest: { sha256: '4'.repeat(64) } }],
      },
      eucora: {
        signing: { certificate_thumbprint: 'a'.repeat(64) },
        scan: { passed: true, findings: { medium: 1 } },
        policy: { verdict: 'PASSED' },
        intent: null,
        attested_by_certificate: signer.thumbprint,
      },
    },
  });
  // A signed URL would let whoever reads the evidence read the source.
  expect(Buffer.from(JSON.parse(document).payload, 'base64').toString()).not.toContain('signature=');
});

it('shows any changed, added or lost byte, by authority and by key alone', () => {
  const bytes = Buffer.from(document);
  fc.assert(
    fc.property(
      fc.nat({ max: bytes.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom('change', 'add', 'lose'),
      fc.boolean(),
      (at, difference, how, byKey) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ difference;
        const other = {
          change: changed,
          add: Buffer.concat([bytes.subarray(0, at), Buffer.from([difference]), bytes.subarray(at)]),
          lose: Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]),
        }[how].toString('utf8');
        // Bytes that are no text are read as the same sign whatever they are: then nothing else was changed either.
        if (other === document) return true;
        return refused(() => verifyEvidence(other, byKey ? { key: certificate } : trust())) !== 'taken';
      },
    ),
    { numRuns: 2_000 },
  );
});

it('every single byte of the document matters', () => {
  const bytes = Buffer.from(document);
  const taken = [...bytes.keys()].filter((at) => {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    return refused(() => verifyEvidence(changed.toString('latin1'), trust())) === 'taken';
  });
  expect(taken).toEqual([]);
});

it('is held against the files that somebody has', () => {
  const files = {
    source: '1'.repeat(64),
    artifact: '2'.repeat(64),
    sbom: '3'.repeat(64),
    scan: '4'.repeat(64),
  };
  expect(() => verifyEvidence(document, trust(), files)).not.toThrow();
  for (const part of ['source', 'artifact', 'sbom', 'scan'] as const)
    expect(refused(() => verifyEvidence(document, trust(), { ...files, [part]: '9'.repeat(64) }))).toMatch(
      new RegExp(`^The ${part} is not the one of this evidence`),
    );
});

describe('is not believed when it was signed', () => {
  const seal = (certificatePem: string, key: string) =>
    new EvidenceSigner(certificatePem, key).seal(statementOf(row, REPORT, null, new Date()));

  it('under another authority', async () => {
    const other = mkdtempSync(join(tmpdir(), 'eucora-evidence-'));
    await CertificateAuthority.ensure(other);
    const issued = await (await CertificateAuthority.open(other)).issueEvidenceCertificate();
    rmSync(other, { recursive: true });
    const forged = seal(issued.certificate, issued.key);
    expect(refused(() => verifyEvidence(forged, trust()))).toMatch(/trusted authority/);
    expect(refused(() => verifyEvidence(forged, { key: certificate }))).toMatch(/another key/);
  });

  it('with another certificate of the same authority, such as a listener’s', async () => {
    const issued = await authority.issueServerCertificate(['localhost']);
    expect(refused(() => verifyEvidence(seal(issued.certificate, issued.key), trust()))).toMatch(
      /not issued for signing evidence/,
    );
  });

  it('at a time at which its certificate was not valid', () => {
    const early = signer.seal(statementOf(row, REPORT, null, new Date('2020-01-01T00:00:00Z')));
    expect(refused(() => verifyEvidence(early, trust()))).toMatch(/not valid when/);
  });

  it('over something that is no statement', () => {
    const envelope = dsseEnvelopeSchema.parse(JSON.parse(document));
    const other = serializeEnvelope({ ...envelope, payload: Buffer.from('{}').toString('base64') });
    expect(refused(() => verifyEvidence(other, trust()))).toMatch(/does not fit/);
  });
});

it('says what cannot be read', () => {
  const envelope = dsseEnvelopeSchema.parse(JSON.parse(document));
  const [signature] = envelope.signatures;
  if (signature === undefined) throw new Error('no signature');
  const withCert = (cert: string) => serializeEnvelope({ ...envelope, signatures: [{ ...signature, cert }] });
  expect(refused(() => verifyEvidence('no json', trust()))).toMatch(/no JSON/);
  expect(refused(() => verifyEvidence('{}', trust()))).toMatch(/no DSSE envelope/);
  expect(refused(() => verifyEvidence(`${document} `, trust()))).toMatch(/not written as it was signed/);
  expect(refused(() => verifyEvidence(withCert('x'), trust()))).toMatch(/cannot be read/);
  expect(refused(() => verifyEvidence(withCert(`\n${certificate}`), trust()))).toMatch(/not written/);
  expect(refused(() => verifyEvidence(document, { ca: 'x' }))).toMatch(/authority cannot be read/);
  expect(refused(() => verifyEvidence(document, { key: 'x' }))).toMatch(/key cannot be read/);
  const odd = serializeEnvelope({ ...envelope, payload: `${envelope.payload}=` });
  expect(refused(() => verifyEvidence(odd, trust()))).toMatch(/base64/);
});

it('is made of whole records and matching keys only', async () => {
  expect(() => statementOf({ ...row, sbom_hash: null }, REPORT, null, new Date())).toThrow(/whole record/);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  expect(() => new EvidenceSigner(certificate, pem)).toThrow(/not the key/);
  expect(signer.daysLeft()).toBeGreaterThan(1_000);
  expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
});

describe('the command line', () => {
  const write = (name: string, content: string) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  it('verifies without any platform, and files with it', async () => {
    const evidence = write('evidence.json', document);
    const ca = write('trusted.pem', authority.certificatePem);
    const said = await eucora(undefined, ['evidence', 'verify', evidence, '--ca', ca]);
    expect([said.code, said.stdout]).toEqual([0, expect.stringMatching(/^PACKAGE +hello 1.0.0$/m)]);
    const json = await eucora(undefined, ['evidence', 'verify', evidence, '--ca', ca, '--json']);
    expect(json.json()).toMatchObject({ verified: true, statement: { subject: [{ name: 'hello.deb' }] } });
    const wrong = await eucora(undefined, ['evidence', 'verify', evidence, '--ca', ca, '--artifact', ca]);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('The artifact is not the one')]);
    const tampered = write('tampered.json', document.replace('"keyid":"', '"keyid":"0'));
    expect((await eucora(undefined, ['evidence', 'verify', tampered, '--ca', ca])).code).toBe(1);
    // The local platform's authority is trusted without being named; without one, somebody has to be.
    expect((await eucora(undefined, ['evidence', 'verify', evidence, '--data-dir', folder])).code).toBe(0);
    const nobody = ['evidence', 'verify', evidence, '--data-dir', join(folder, 'none')];
    expect((await eucora(undefined, nobody)).code).toBe(2);
    expect((await eucora(undefined, [...nobody, '--ca', ca, '--key', ca])).code).toBe(2);
    expect((await eucora(undefined, [...nobody, '--key', write('cert.pem', certificate)])).code).toBe(0);
  });

  it('is not needed: the commands of the documentation verify the same with openssl', () => {
    const page = readFileSync(join(__dirname, '../../docs/packaging/EVIDENCE.md'), 'utf8');
    const script = /```sh verify-by-hand\n(.*?)```/s.exec(page)?.[1] ?? '';
    write('evidence.json', document);
    write('ca.pem', authority.certificatePem);
    const run = (prepare = '') =>
      execFileSync('bash', ['-euo', 'pipefail', '-c', `${prepare}\n${script}`], {
        cwd: folder,
        stdio: 'pipe',
      }).toString();
    const said = run();
    expect(said).toContain('signer.pem: OK');
    expect(said).toContain('Verified OK');
    expect(said).toContain(
      createHash('sha256').update(certificate).digest('hex').length === 64 ? 'Code Signing' : '',
    );
    const flipped = JSON.parse(document).payload.startsWith('eyJf')
      ? 's/"payload":"eyJf/"payload":"eyJg/'
      : '';
    expect(() => run(`sed -i '${flipped}' evidence.json`)).toThrow();
    write('evidence.json', document);
  });
});
