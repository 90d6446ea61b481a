import { X509Certificate } from 'node:crypto';
import { newKeyAndRequest, TestAgent } from '../../harness/agent-client.ts';
import { type KeyKind, opensslRequest, opensslText, opensslVerifies } from '../support/openssl.ts';
import { World } from '../support/world.ts';

const NOBODY = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';

describe('Certificates for keys that openssl made', () => {
  let world: World;
  let key: string;
  beforeAll(async () => {
    world = await World.start();
    key = (await world.key({ max_uses: null })).token;
  });
  afterAll(() => world?.dispose());

  const register = (csr: string, fields: Record<string, unknown> = {}) =>
    world.register({ registration_key: key, csr, ...fields });

  it.each<KeyKind>(['RSA 2048', 'P-256'])('are issued for %s and work', async (kind) => {
    const { csr, keyPem } = opensslRequest(kind);
    const { status, body } = await register(csr);
    expect(status).toBe(201);
    const certificate = String(body['certificate']);
    expect(opensslVerifies(certificate, String(body['ca_chain']), 'sslclient')).toBe(true);
    expect(opensslVerifies(certificate, String(body['ca_chain']), 'sslserver')).toBe(false);
    const agent = new TestAgent(
      world.api.agentUrl,
      String(body['agent_id']),
      certificate,
      keyPem,
      world.api.caPem,
    );
    expect((await agent.heartbeat()).status).toBe(200);
    await agent.close();
  });

  it.each<[KeyKind, RegExp]>([
    ['RSA 1024', /2048 to 8192 bits/],
    ['P-384', /curve P-256/],
    ['ed25519', /must be RSA .* or ECDSA/],
  ])('are refused for %s', async (kind, message) => {
    const { status, body } = await register(opensslRequest(kind).csr);
    expect([status, body['code']]).toEqual([422, 'validation-failed']);
    expect(body['errors']).toEqual([{ path: 'csr', message: expect.stringMatching(message) }]);
  });

  it('are refused where the signature does not fit the key', async () => {
    const { csr } = opensslRequest('P-256');
    const lines = csr.split('\n');
    const der = Buffer.from(
      lines.slice(1, lines.indexOf('-----END CERTIFICATE REQUEST-----')).join(''),
      'base64',
    );
    der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
    const broken = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    const { body } = await register(broken);
    expect(body['errors']).toEqual([{ path: 'csr', message: expect.stringMatching(/signature/) }]);
  });

  it.each([
    ['text', 'no request at all'.repeat(10)],
    [
      'PEM of nothing',
      `-----BEGIN CERTIFICATE REQUEST-----\n${'A'.repeat(64)}\n-----END CERTIFICATE REQUEST-----`,
    ],
    ['PEM without an end', `-----BEGIN CERTIFICATE REQUEST-----\n${'A'.repeat(64)}`],
    ['NUL characters', `-----BEGIN CERTIFICATE REQUEST-----\n${'\u0000'.repeat(64)}`],
  ])('are refused for garbage: %s', async (_what, csr) => {
    expect((await register(csr)).status).toBe(422);
  });

  it('are refused for a certificate in the place of a request', async () => {
    expect((await register(world.api.caPem)).status).toBe(422);
  });

  it('name the agent (CN, O, OU), last 365 days and take nothing over from the request', async () => {
    const { csr } = opensslRequest('P-256', `/CN=root/O=EUCORA Agents/OU=${NOBODY}`);
    const { body } = await register(csr, { hostname: 'laptop-7' });
    const certificate = new X509Certificate(String(body['certificate']));
    expect(certificate.subject.split('\n').sort()).toEqual(
      ['CN=laptop-7', 'O=EUCORA Agents', `OU=${body['agent_id']}`].sort(),
    );
    expect(certificate.ca).toBe(false);
    const days = (Date.parse(certificate.validTo) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(364.9);
    expect(days).toBeLessThanOrEqual(365);
    expect(Date.parse(String(body['not_after']))).toBeCloseTo(Date.parse(certificate.validTo), -4);
    expect(opensslText(String(body['certificate']))).toMatch(/TLS Web Client Authentication/);
  });

  it.each([
    ['newlines', `host\nOU=${NOBODY}`],
    ['carriage returns', `host\r\nOU=${NOBODY}\r\nO=EUCORA Agents`],
    ['commas', `host, OU=${NOBODY}, O=EUCORA Agents`],
    ['plus signs', `host+OU=${NOBODY}`],
    ['slashes', `host/OU=${NOBODY}`],
    ['quotes and backslashes', `"host\\", OU="${NOBODY}"`],
    ['other scripts', 'машина-七号-🖥️'],
    ['more than a subject may hold', 'h'.repeat(255)],
    ['characters of two units at the limit', `h${'🖥'.repeat(127)}`],
  ])('hold no other identity for hostnames with %s', async (_what, hostname) => {
    const { csr, keyPem } = await newKeyAndRequest();
    const { status, body } = await register(csr, { hostname });
    expect(status).toBe(201);
    const agentId = String(body['agent_id']);
    const agent = new TestAgent(
      world.api.agentUrl,
      agentId,
      String(body['certificate']),
      keyPem,
      world.api.caPem,
    );
    expect((await agent.heartbeat()).status).toBe(200);
    expect((await agent.post(`/api/v1/agents/${NOBODY}/heartbeat`, {})).status).toBe(403);
    await agent.close();
    const shown = await world.operator(`/api/v1/agents/${agentId}`);
    expect(shown.body['hostname']).toBe(hostname);
  });

  it('are recorded with serial and fingerprint in the audit', async () => {
    const { csr } = await newKeyAndRequest();
    const { body } = await register(csr);
    const certificate = new X509Certificate(String(body['certificate']));
    const [event] = await world.audit({
      object_id: String(body['agent_id']),
      action: 'agent.certificate_issued',
    });
    expect(event).toMatchObject({
      after: {
        serial: certificate.serialNumber.toLowerCase(),
        fingerprint_sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
      },
    });
  });
});
