import { createHash, X509Certificate } from 'node:crypto';
import { type FindIssued, PeerVerifier } from '../../../api/identity/peer.ts';
import { IssuedCertificates } from '../../../db/stores/agent/issued-certificates.ts';
import type { Logger } from '../../../runtime/logger.ts';
import type { TestAgent } from '../../harness/agent-client.ts';
import { daysFromNow, opensslCertificate } from '../support/openssl.ts';
import { World } from '../support/world.ts';

describe('Certificates that a proxy hands on', () => {
  let world: World;
  let agent: TestAgent;
  let header: string;
  beforeAll(async () => {
    world = await World.start();
    agent = await world.enrol();
    header = `:${der().toString('base64')}:`;
  });
  afterAll(() => world?.dispose());

  const der = (): Buffer => Buffer.from(new X509Certificate(agent.certificate).raw);
  const fingerprintOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  const verifier = (find: FindIssued): PeerVerifier => new PeerVerifier(world.api.caPem, find);
  const nobodyKnows: FindIssued = async () => undefined;

  it('are known by what enrolment noted of them', async () => {
    const issued = new IssuedCertificates(world.api.database.pool, world.api.authority.fingerprint);
    expect(await issued.find(fingerprintOf(der()))).toEqual({
      agentId: agent.id,
      notBefore: new Date(new X509Certificate(agent.certificate).validFrom),
      notAfter: new Date(new X509Certificate(agent.certificate).validTo),
    });
  });

  it('are unknown with one byte changed, and to another authority', async () => {
    const { pool } = world.api.database;
    const changed = der();
    changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;
    expect(
      await new IssuedCertificates(pool, world.api.authority.fingerprint).find(fingerprintOf(changed)),
    ).toBeUndefined();
    expect(await new IssuedCertificates(pool, '00').find(fingerprintOf(der()))).toBeUndefined();
  });

  it('are looked up once', async () => {
    const asked: string[] = [];
    const peers = verifier(async (fingerprint) => {
      asked.push(fingerprint);
      return { agentId: agent.id, notBefore: daysFromNow(-1), notAfter: daysFromNow(1) };
    });
    expect(await peers.ofHeader(header)).toMatchObject({ kind: 'agent', agentId: agent.id });
    expect(peers.ofHeader(header)).toMatchObject({ kind: 'agent', agentId: agent.id });
    expect(asked).toEqual([fingerprintOf(der())]);
  });

  it.each([
    ['begin', [1, 2], 'the certificate is not valid yet'],
    ['expire', [-2, -1], 'the certificate has expired'],
  ] as const)('%s as was noted', async (_what, [from, to], reason) => {
    const noted = { agentId: agent.id, notBefore: daysFromNow(from), notAfter: daysFromNow(to) };
    const peers = verifier(async () => noted);
    for (const _again of [1, 2]) expect(await peers.ofHeader(header)).toEqual({ kind: 'rejected', reason });
  });

  it('tell once an outage that they cannot be looked up, and when they can again', async () => {
    const told: string[] = [];
    const logger = {
      info: (message: string) => told.push(message),
      warn: (_facts: object, message: string) => told.push(message),
    } as unknown as Pick<Logger, 'info' | 'warn'>;
    let away = true;
    const peers = new PeerVerifier(
      world.api.caPem,
      () => (away ? Promise.reject(new Error('connection lost')) : Promise.resolve(undefined)),
      [],
      logger,
    );
    // Those that are refused are looked up each time.
    const stranger = `:${Buffer.from('stranger').toString('base64')}:`;
    const ask = () => peers.ofHeader(stranger);
    for (const _again of [1, 2]) await ask();
    expect(told).toEqual(['Certificates cannot be looked up, and are verified one by one']);
    away = false;
    for (const _again of [1, 2]) await ask();
    expect(told).toHaveLength(2);
    away = true;
    await ask();
    expect(told).toHaveLength(3);
  });

  it.each([
    ['nobody noted them', nobodyKnows],
    ['the database does not answer', () => Promise.reject(new Error('connection lost'))],
  ])('are read and verified when %s', async (_why, find) => {
    expect(await verifier(find).ofHeader(header)).toMatchObject({ kind: 'agent', agentId: agent.id });
    const foreign = opensslCertificate({
      subject: `/CN=x/O=EUCORA Agents/OU=${agent.id}`,
      days: [daysFromNow(-1), daysFromNow(1)],
    });
    const theirs = new X509Certificate(foreign.certificate).raw.toString('base64');
    expect(await verifier(find).ofHeader(`:${theirs}:`)).toEqual({
      kind: 'rejected',
      reason: 'the certificate was not issued by this platform',
    });
  });
});
