import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Pkcs10CertificateRequest } from '@peculiar/x509';
import { Enrolment, type EnrolmentOptions } from '../../agent/identity/enrolment.ts';
import { fingerprintOf, hardwareId, sameMachine } from '../../agent/identity/hardware.ts';
import { isRenewalDue } from '../../agent/identity/identity.ts';
import { makeKey } from '../../agent/identity/keys.ts';
import { Session } from '../../agent/identity/session.ts';
import { IdentityStore } from '../../agent/identity/store.ts';
import { homeAt, prepareHome } from '../../agent/storage/home.ts';
import { describeMachine, hardwareFacts, platformName } from '../../agent/system/facts.ts';
import { refuse, TestPlatform } from './platform.ts';
import { captureLog, fakeTools, removeFolders, temporaryFolder } from './support.ts';

let platform: TestPlatform;
beforeAll(async () => {
  platform = await TestPlatform.start();
});
afterAll(async () => {
  await platform.down();
  removeFolders();
});
beforeEach(() => {
  platform.intercept = () => false;
  platform.seen.length = 0;
  platform.violations.length = 0;
});

describe('hardware', () => {
  const facts = {
    machineId: 'AAAA\n',
    productUuid: 'BBBB',
    macs: ['00:11:22:33:44:55', '02:42:ac:11:00:02'],
  };
  const own = fingerprintOf(facts);

  it('is hashed; addresses that software made up count only if there is no other', () => {
    expect(JSON.stringify(own)).not.toMatch(/aaaa|bbbb|00:11/i);
    expect(own.macs).toHaveLength(1);
    expect(fingerprintOf({ ...facts, macs: ['02:42:ac:11:00:02', '00:00:00:00:00:00'] }).macs).toHaveLength(
      1,
    );
    expect(fingerprintOf({ machineId: '', productUuid: undefined, macs: [] })).toEqual({
      machine_id: null,
      product_uuid: null,
      macs: [],
    });
  });

  it.each([
    ['itself', {}, true],
    ['with a new network card', { macs: ['00:aa:aa:aa:aa:aa'] }, true],
    ['with the system installed anew', { machineId: 'CCCC' }, true],
    ['seen by a user who may not read the serial number', { productUuid: undefined }, true],
    ['as a clone in another virtual machine', { productUuid: 'X', macs: ['00:aa:aa:aa:aa:aa'] }, false],
    ['as something quite different', { machineId: 'X', productUuid: 'Y', macs: [] }, false],
  ])('tells the machine %s', (_what, change, same) => {
    expect(sameMachine(own, fingerprintOf({ ...facts, ...change }))).toBe(same);
  });

  it('makes an id that the contract takes, another one with salt', () => {
    expect(hardwareId(own)).toMatch(/^hw-[0-9a-f]{32}$/);
    expect(hardwareId(own)).not.toBe(hardwareId(own, 'salt'));
    expect(hardwareId(fingerprintOf({ machineId: undefined, productUuid: undefined, macs: [] }))).toMatch(
      /^hw-/,
    );
  });

  it('is asked of the system in its own way', async () => {
    const windows = fakeTools('win32', (line) =>
      line.startsWith('reg') ? '    MachineGuid    REG_SZ    1234-guid\r\n' : 'UUID-1\r\n',
    );
    expect(await hardwareFacts(windows)).toMatchObject({ machineId: '1234-guid', productUuid: 'UUID-1\r\n' });
    const mac = fakeTools('darwin', () => '"IOPlatformSerialNumber" = "C02"\n"IOPlatformUUID" = "U-2"');
    expect(await hardwareFacts(mac)).toMatchObject({ machineId: 'C02', productUuid: 'U-2' });
    expect(await hardwareFacts(fakeTools('darwin', () => undefined))).toMatchObject({ machineId: undefined });
    expect(await hardwareFacts(fakeTools('win32', () => undefined))).toMatchObject({
      productUuid: undefined,
    });
    expect(await hardwareFacts(fakeTools('linux', () => undefined))).toHaveProperty('macs');
  });

  it('is described for the enrolment', async () => {
    expect([platformName('win32'), platformName('darwin'), platformName('freebsd')]).toEqual([
      'windows',
      'macos',
      'linux',
    ]);
    const linux = await describeMachine(
      fakeTools('linux', () => undefined),
      '1.2.3',
    );
    expect(linux).toMatchObject({ platform: 'linux', agent_version: '1.2.3', disk_gb: expect.any(Number) });
    expect(
      await describeMachine(
        fakeTools('darwin', () => '14.5\n'),
        '1',
      ),
    ).toMatchObject({ platform_version: '14.5' });
    const bare = await describeMachine(
      fakeTools('darwin', () => undefined),
      '1',
    );
    expect(bare.platform_version).not.toBe('');
    expect(
      await describeMachine(
        fakeTools('win32', () => undefined),
        '1',
      ),
    ).toMatchObject({ platform: 'windows', disk_gb: null });
  });
});

describe('certificates', () => {
  it('are due for renewal in the last third of their life', () => {
    expect(isRenewalDue({ from: 0, to: 90 }, 59)).toBe(false);
    expect(isRenewalDue({ from: 0, to: 90 }, 61)).toBe(true);
  });

  it('are asked for by a P-256 key with the agent’s names', async () => {
    const { privateKey, csr } = await makeKey('h'.repeat(100), 'agent-id');
    expect(privateKey).toMatch(/BEGIN PRIVATE KEY/);
    expect(csr).toMatch(/BEGIN CERTIFICATE REQUEST/);
  });

  it.each(['#0500', '#', 'a,O=evil', '\\41+CN=x', ' blank ', 'größe-😀', 'x\ud800y'])(
    'take the hostname %j as it stands',
    async (hostname) => {
      const { csr } = await makeKey(hostname, '#00');
      const { subjectName } = new Pkcs10CertificateRequest(csr);
      expect(subjectName.getField('CN')).toEqual([hostname.toWellFormed()]);
      expect(subjectName.getField('O')).toEqual(['EUCORA Agents']);
      expect(subjectName.getField('OU')).toEqual(['#00']);
    },
  );

  it('never cut a character of the hostname in two', async () => {
    const { csr } = await makeKey('😀'.repeat(70));
    expect(new Pkcs10CertificateRequest(csr).subjectName.getField('CN')).toEqual(['😀'.repeat(64)]);
  });
});

async function enrolmentIn(root: string, more: Partial<EnrolmentOptions> = {}) {
  const home = homeAt(root);
  await prepareHome(home);
  const store = new IdentityStore(home);
  const session = new Session({
    server: platform.url,
    ca: platform.authority.pem,
    http2: false,
    userAgent: 'test',
    timeoutMs: 60_000,
  });
  const captured = captureLog();
  const enrolment = new Enrolment({
    store,
    session,
    registrationKey: 'good-key',
    fingerprint: fingerprintOf({ machineId: root, productUuid: undefined, macs: [] }),
    hardwareId: undefined,
    describe: () =>
      describeMachine(
        fakeTools('linux', () => undefined),
        '1.0.0',
      ),
    log: captured.log,
    ...more,
  });
  return { home, store, session, enrolment, ...captured };
}

describe('enrolment', () => {
  it('gets an identity and keeps it; the same machine is the same agent', async () => {
    const folder = temporaryFolder();
    const first = await enrolmentIn(folder);
    expect(() => first.session.identity).toThrow(/not enrolled/);
    expect(() => first.session.client).toThrow(/not enrolled/);
    await first.enrolment.enrol();
    await first.session.client.probe(first.session.agentId);
    const stored = await first.store.load();
    expect(stored?.agent_id).toBe(first.session.agentId);
    await first.enrolment.enrol();
    expect(first.session.agentId).toBe(stored?.agent_id);
    expect(platform.violations).toEqual([]);
    await first.session.close();
  });

  it('says what to do without a key, with a wrong one, and with a broken identity', async () => {
    const none = await enrolmentIn(temporaryFolder(), { registrationKey: undefined });
    await expect(none.enrolment.enrol()).rejects.toThrow(/EUCORA_AGENT_REGISTRATION_KEY/);
    const wrong = await enrolmentIn(temporaryFolder(), { registrationKey: 'bad-key' });
    await expect(wrong.enrolment.enrol()).rejects.toThrow(
      /enrolment-token-invalid.*make a new enrolment token/s,
    );
    writeFileSync(wrong.home.identity, '{}');
    await expect(wrong.store.load()).rejects.toThrow(/Restore it, or remove it/);
  });

  it('passes on that the platform is away, for another try', async () => {
    platform.intercept = (_seen, response) => refuse(response, 'unavailable');
    const { enrolment } = await enrolmentIn(temporaryFolder());
    await expect(enrolment.enrol()).rejects.toMatchObject({ name: 'PlatformError', status: 503 });
  });

  it('trusts the configured CA and nothing else', async () => {
    const other = await TestPlatform.start();
    const { enrolment } = await enrolmentIn(temporaryFolder(), {
      session: new Session({ server: other.url, ca: platform.authority.pem, http2: true, userAgent: 't' }),
    });
    await expect(enrolment.enrol()).rejects.toMatchObject({ name: 'UnreachableError' });
    expect(other.seen).toEqual([]);
    await other.down();
  });
});

describe('renewal', () => {
  async function dueIn(more: Partial<EnrolmentOptions> = {}) {
    platform.validity = { fromMs: -1_000_000, toMs: 100_000 };
    const made = await enrolmentIn(temporaryFolder(), more);
    await made.enrolment.enrol();
    platform.validity = { fromMs: -60_000, toMs: 86_400_000 };
    return made;
  }

  it('takes a new key and certificate once the platform has answered under them', async () => {
    const { enrolment, session, store } = await dueIn();
    const before = session.identity;
    await enrolment.renewIfDue();
    expect(session.identity.private_key).not.toBe(before.private_key);
    expect(new X509Certificate(session.identity.certificate).subject).toContain(session.agentId);
    expect(await store.load()).toEqual(session.identity);
    expect(await store.loadNext()).toBeUndefined();
    await enrolment.renewIfDue();
    expect(platform.seen.filter(({ path }) => path.endsWith('/renew'))).toHaveLength(1);
  });

  it('keeps the old one while the new one cannot be proven, and proves it later', async () => {
    const { enrolment, session, store } = await dueIn();
    const before = session.identity;
    platform.intercept = (seen, response) => seen.path.endsWith('/tasks') && refuse(response, 'unavailable');
    await expect(enrolment.renewIfDue()).rejects.toThrow(/could not be proven/);
    expect(session.identity).toBe(before);
    expect(await store.load()).toEqual(before);
    platform.intercept = () => false;
    await enrolment.renewIfDue();
    expect(session.identity.private_key).not.toBe(before.private_key);
    expect(platform.seen.filter(({ path }) => path.endsWith('/renew'))).toHaveLength(1);
  });

  it('drops a new one that the platform does not accept', async () => {
    const { enrolment, session, store } = await dueIn();
    const before = session.identity;
    platform.intercept = (seen, response) =>
      seen.path.endsWith('/tasks') && refuse(response, 'certificate-invalid');
    await expect(enrolment.renewIfDue()).rejects.toThrow(/could not be proven/);
    expect(await store.loadNext()).toBeUndefined();
    expect(session.identity).toBe(before);
  });

  it('knows when it is too late', async () => {
    let now = Date.now();
    const { enrolment } = await dueIn({ now: () => now });
    expect(enrolment.hasExpired()).toBe(false);
    now += 200_000;
    expect(enrolment.hasExpired()).toBe(true);
  });
});

const forget = async () => undefined;

describe('a clone', () => {
  it('becomes an agent of its own by the certificate that it shares, at most once in its time', async () => {
    let now = Date.now();
    const { enrolment, session, store } = await enrolmentIn(temporaryFolder(), { now: () => now });
    await enrolment.enrol();
    const old = session.identity;
    expect(await enrolment.reenrolmentAllowedIn()).toBe(0);
    await enrolment.reenrolAsClone(old, forget);
    expect(session.agentId).not.toBe(old.agent_id);
    expect(session.identity.hardware_id).not.toBe(old.hardware_id);
    expect(platform.agents.get(session.agentId)?.clonedFrom).toBe(old.agent_id);
    expect(await store.load()).toEqual(session.identity);
    expect(await enrolment.reenrolmentAllowedIn()).toBeGreaterThan(500_000);
    now += 700_000;
    expect(await enrolment.reenrolmentAllowedIn()).toBe(0);
    now -= 2_000_000;
    expect(await enrolment.reenrolmentAllowedIn()).toBe(0);
  });

  it('asks for the same identity again when the answer was lost', async () => {
    const { enrolment, session } = await enrolmentIn(temporaryFolder(), {
      registrationKey: undefined,
      hardwareId: 'given-id',
    });
    const other = await enrolmentIn(temporaryFolder(), { hardwareId: 'given-id' });
    await other.enrolment.enrol();
    session.adopt(other.session.identity);
    const asked: unknown[] = [];
    platform.intercept = (seen, response) => {
      asked.push((seen.body as { hardware_id: string; registration_key: string }).hardware_id);
      response.destroy();
      return true;
    };
    await expect(enrolment.reenrolAsClone(session.identity, forget)).rejects.toMatchObject({
      name: 'UnreachableError',
    });
    expect(await enrolment.reenrolmentAllowedIn()).toBe(0);
    platform.intercept = (seen) => {
      asked.push((seen.body as { hardware_id: string }).hardware_id);
      return false;
    };
    await enrolment.reenrolAsClone(session.identity, forget);
    expect(asked[0]).toMatch(/^given-id\./);
    expect(asked[1]).toBe(asked[0]);
    expect(platform.seen.at(-1)?.body).toMatchObject({ registration_key: 'clone' });
  });

  it('forgets what belongs to the old identity once there is a new one, and not before', async () => {
    const { enrolment, session, store } = await enrolmentIn(temporaryFolder());
    await enrolment.enrol();
    const old = session.identity;
    const forgotten: (string | undefined)[] = [];
    const drop = async () => {
      forgotten.push((await store.load())?.agent_id);
    };
    platform.intercept = (_seen, response) => refuse(response, 'unavailable');
    await expect(enrolment.reenrolAsClone(old, drop)).rejects.toMatchObject({ code: 'unavailable' });
    // Began, but the old identity is still in use: what it holds stays.
    await enrolment.finishReenrolment(old, drop);
    expect(forgotten).toEqual([]);
    platform.intercept = () => false;
    const full = () => Promise.reject(new Error('disk full'));
    await expect(enrolment.reenrolAsClone(old, full)).rejects.toThrow('disk full');
    expect(session.agentId).not.toBe(old.agent_id);
    // The next start ends what this one could not.
    await enrolment.finishReenrolment(session.identity, drop);
    await enrolment.finishReenrolment(session.identity, drop);
    expect(forgotten).toEqual([session.agentId]);
    expect((await store.loadReenrolment())?.done).toBe(true);
  });

  it('falls back to its registration key when the shared certificate is not accepted', async () => {
    const { enrolment, session } = await enrolmentIn(temporaryFolder());
    await enrolment.enrol();
    const old = session.identity;
    platform.intercept = (seen, response) =>
      seen.agentId !== undefined && refuse(response, 'certificate-invalid');
    await enrolment.reenrolAsClone(old, forget);
    expect(session.agentId).not.toBe(old.agent_id);
    const keyless = await enrolmentIn(temporaryFolder(), { registrationKey: undefined });
    await expect(keyless.enrolment.reenrolAsClone(old, forget)).rejects.toMatchObject({
      code: 'certificate-invalid',
    });
  });

  it('is told by the fingerprint, or by the configured id', async () => {
    const { enrolment, session } = await enrolmentIn(temporaryFolder());
    await enrolment.enrol();
    expect(enrolment.belongsHere(session.identity)).toBe(true);
    const elsewhere = await enrolmentIn(temporaryFolder());
    expect(elsewhere.enrolment.belongsHere(session.identity)).toBe(false);
    const configured = await enrolmentIn(temporaryFolder(), { hardwareId: 'configured' });
    expect(configured.enrolment.belongsHere(session.identity)).toBe(false);
  });
});
