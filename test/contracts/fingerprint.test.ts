import { exitCodeIn, normaliseError } from '../../contracts/incident/fingerprint.ts';
import { fingerprintOf } from '../../db/stores/incident/fingerprint.ts';
import { fc } from '../harness/properties.ts';

const ALIKE: Readonly<Record<string, readonly [string, string]>> = {
  numbers: ['Not enough space: 1,024 of 2048 MB', 'Not enough space: 7 of 9 MB'],
  'Unix paths': ['cannot open /var/lib/app/7/x.db: denied', 'cannot open /srv/other.db: denied'],
  'Windows paths': ['Access to C:\\Users\\jane\\app.log is denied', 'Access to D:\\Data\\x\\y.txt is denied'],
  shares: ['\\\\fs01\\share\\a.msi was not found', '\\\\other.corp\\b$\\c.msi was not found'],
  'home paths': ['cannot stat ~/x/y: gone', 'cannot stat ./z: gone'],
  UUIDs: [
    'task 01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01 failed',
    'task 5c01920f-7d2c-4c3a-8b1e-4f6a8d2e5c99 failed',
  ],
  'security ids': ['user S-1-5-21-1-2-3-500 is unknown', 'user S-1-5-18 is unknown'],
  'long hexadecimals': ['digest deadbeef01234 differs', 'digest 00ff00ff00ff00ff differs'],
  timestamps: [
    '2026-11-25T19:00:01.123Z the service stopped',
    '2025-01-02 03:04:05,999 +0100 the service stopped',
  ],
  'times of other lands': ['at 11/25/2026 7:01:02 PM it broke', 'at 1.2.2025 23:59 it broke'],
  'named days': ['Wed Nov 25 19:00:00 UTC 2026: broken', 'Mon, 2 Jan 2025 01:02:03: broken'],
  addresses: ['connect to 10.0.0.1:443 refused', 'connect to 192.168.7.9:8443 refused'],
  'IPv6 addresses': ['connect to fe80::1 refused', 'connect to 2001:db8::5:6 refused'],
  'MAC addresses': ['card 00:1a:2b:3c:4d:5e is down', 'card 0a-1b-2c-3d-4e-5f is down'],
  'host names': ['cannot resolve mirror.example.com', 'cannot resolve a-b.other.internal:8080'],
  'names of machines': ['DESKTOP-A1B2C3 is not joined', 'LAPTOP-ZZ9 is not joined'],
  'what is called a host': ['lost host web17 again', 'lost host 9 again'],
  URLs: ['GET https://a.example/x?y=1 gave up', 'GET http://10.1.1.1/z gave up'],
  'e-mail addresses': ['mail to jane@example.com bounced', 'mail to x.y@other.org bounced'],
  versions: ['needs libc 2.36-9+deb12u4', 'needs libc 2.31'],
  colours: ['\u001b[31mbroken\u001b[0m', 'broken'],
  'case and spaces': ['The  Installer\n failed', 'the installer failed'],
};

it.each(Object.entries(ALIKE))('%s make no difference', (_what, [one, other]) => {
  expect(normaliseError(one)).toBe(normaliseError(other));
  expect(normaliseError(one).length).toBeGreaterThan(4);
});

it.each([
  ['other words', 'disk is full', 'disk is gone'],
  ['a result code', 'failed with 0x80070005', 'failed with 0x80070643'],
  ['a signal', 'killed by SIGKILL', 'killed by SIGTERM'],
])('%s make a difference', (_what, one, other) => {
  expect(normaliseError(one)).not.toBe(normaliseError(other));
});

it('platform, kind of task, package and exit code make a difference, a version in the text does not', () => {
  const task = {
    platform: 'linux',
    task_type: 'DEPLOY',
    package_name: 'app',
    exit_code: null,
    error_message: 'dpkg failed (exit code 1): app 1.0',
  };
  const hash = fingerprintOf(task).hash;
  expect(fingerprintOf({ ...task, error_message: 'dpkg failed (exit code 1): app 2.7' }).hash).toBe(hash);
  for (const other of [
    { platform: 'macos' },
    { task_type: 'UPDATE' },
    { package_name: 'other' },
    { exit_code: 2 },
    { error_message: 'dpkg failed (exit code 2): app 1.0' },
    { error_message: null },
  ])
    expect(fingerprintOf({ ...task, ...other }).hash).not.toBe(hash);
});

it.each([
  ['dpkg failed (exit code 100): x', 100],
  ['ended with exit status 3', 3],
  ['msiexec failed (exit code -1)', -1],
  ['exit code: 0x643', 0x643],
  ['exit code 99999999999999', null],
  ['no code at all', null],
])('%s names its exit code', (text, code) => {
  expect(exitCodeIn(text)).toBe(code);
});

it('whatever a device says: short, storable, and stable when normalised again', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (text) => {
      const normal = normaliseError(text);
      expect(normal.length).toBeLessThanOrEqual(400);
      expect(normal.isWellFormed()).toBe(true);
    }),
  );
});

it.each(['a', 'a-', 'a.', '/a', '1a', 'a@', '0:', 'host ', '0x1', 'a\\', '.'])(
  'a text of nothing but %j does not keep the collector busy',
  (part) => {
    const begun = process.cpuUsage();
    normaliseError(part.repeat(16_384 / part.length));
    expect(process.cpuUsage(begun).user).toBeLessThan(1_000_000);
  },
);
