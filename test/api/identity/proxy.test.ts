import { X509Certificate } from 'node:crypto';
import type { TestAgent } from '../../harness/agent-client.ts';
import { daysFromNow, opensslCertificate } from '../support/openssl.ts';
import { World } from '../support/world.ts';

const clientCert = (pem: string) => `:${new X509Certificate(pem).raw.toString('base64')}:`;

describe('Behind a proxy that ends TLS (RFC 9440)', () => {
  let world: World;
  let agent: TestAgent;
  beforeAll(async () => {
    world = await World.start({
      overrides: { EUCORA_AGENT_PROXY_PORT: '0', EUCORA_TRUSTED_PROXIES: '127.0.0.0/8, ::1' },
    });
    agent = await world.enrol();
  });
  afterAll(() => world?.dispose());

  const beat = (headers: Record<string, string>, of = world) =>
    world.contract.call(`${of.api.proxyUrl}/api/v1/agents/${agent.id}/heartbeat`, { body: {}, headers });

  it('believes the certificate that a trusted proxy hands on, again and again', async () => {
    const headers = { 'client-cert': clientCert(agent.certificate) };
    expect([(await beat(headers)).status, (await beat(headers)).status]).toEqual([200, 200]);
  });

  it('answers 401 without the header', async () => {
    expect(await beat({})).toMatchObject({ status: 401, body: { code: 'certificate-required' } });
  });

  it.each([
    ['bare base64', (pem: string) => clientCert(pem).slice(1, -1)],
    ['PEM', (pem: string) => encodeURIComponent(pem)],
    ['no DER', () => ':AAAA:'],
    ['nothing', () => '::'],
    ['two values', (pem: string) => `${clientCert(pem)}, ${clientCert(pem)}`],
  ])('answers 401 to a malformed header: %s', async (_what, form) => {
    const said = await beat({ 'client-cert': form(agent.certificate) });
    expect(said).toMatchObject({ status: 401, body: { code: 'certificate-invalid' } });
  });

  it('checks what a proxy hands on: foreign and expired certificates get 401', async () => {
    const subject = `/CN=x/O=EUCORA Agents/OU=${agent.id}`;
    const foreign = opensslCertificate({ subject, days: [daysFromNow(-1), daysFromNow(1)] });
    const expired = opensslCertificate({
      subject,
      dataDir: world.api.dataDir,
      days: [daysFromNow(-2), daysFromNow(-1)],
    });
    for (const { certificate } of [foreign, expired])
      expect((await beat({ 'client-cert': clientCert(certificate) })).status).toBe(401);
  });

  it('refuses the header from an address that is no trusted proxy', async () => {
    const stern = await World.start({
      overrides: { EUCORA_AGENT_PROXY_PORT: '0', EUCORA_TRUSTED_PROXIES: '10.0.0.0/8' },
    });
    try {
      const stranger = await stern.enrol();
      const said = await stern.contract.call(`${stern.api.proxyUrl}/api/v1/agents/${stranger.id}/heartbeat`, {
        body: {},
        headers: { 'client-cert': clientCert(stranger.certificate) },
      });
      expect(said).toMatchObject({
        status: 401,
        body: { detail: expect.stringMatching(/no trusted proxy/) },
      });
    } finally {
      await stern.dispose();
    }
  });

  it('never believes the header on the mutual-TLS listener', async () => {
    const said = await world.agentSays(`/api/v1/agents/${agent.id}/heartbeat`, {
      body: {},
      headers: { 'client-cert': clientCert(agent.certificate) },
    });
    expect(said).toMatchObject({ status: 401, body: { code: 'certificate-required' } });
  });

  it('audits the address that the proxy saw, and trusts no address that the client made up', async () => {
    await beat({ 'client-cert': ':AAAA:', 'x-forwarded-for': '1.2.3.4, 203.0.113.9, nonsense, 127.0.0.2' });
    expect(await world.audit({ action: 'security.certificate_rejected', limit: '1' })).toMatchObject([
      { actor_id: '203.0.113.9' },
    ]);
    await beat({ 'client-cert': ':AAAA:' });
    expect(await world.audit({ action: 'security.certificate_rejected', limit: '1' })).toMatchObject([
      { actor_id: '127.0.0.1' },
    ]);
  });

  it('does not start with proxies that are neither addresses nor CIDR blocks', async () => {
    await expect(
      World.start({ overrides: { EUCORA_TRUSTED_PROXIES: '10.0.0.1, proxy.example' } }),
    ).rejects.toThrow(/proxy\.example is neither/);
  });
});
