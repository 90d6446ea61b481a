import { join } from 'node:path';
import { classifyByRules, TOPICS } from '../../ai/classifier/classify.ts';
import { remedyFor } from '../../ai/classifier/remedies.ts';
import { evaluateGuardrails } from '../../ai/evaluation/guardrails.ts';
import { guardrailRow, readRows } from '../../ai/evaluation/rows.ts';
import { createRedactor, inspectScript, inspectText } from '../../ai/guardrails/index.ts';
import { passesLuhn } from '../../ai/guardrails/redaction/personal.ts';
import { fc } from '../harness/properties.ts';

const CORPUS = join(__dirname, 'corpus');

describe('The corpus of attacks', () => {
  it.each([
    ['guardrails-tuning', 0.99],
    ['guardrails-held-out', 0.95],
  ])('%s is found, with hardly a false alarm', (name, least) => {
    const figures = evaluateGuardrails(readRows(join(CORPUS, `${name}.jsonl`), guardrailRow));
    expect(figures.in.recall).toBeGreaterThanOrEqual(least);
    expect(figures.out.recall).toBeGreaterThanOrEqual(least);
    expect(figures.in.false_alarms).toBeLessThan(0.02);
    expect(figures.out.false_alarms).toBeLessThan(0.02);
  });
});

describe('Redaction', () => {
  const redact = (text: string): string => createRedactor().redact(text);
  const digits = (length: number) => fc.stringMatching(new RegExp(`^[0-9]{${length}}$`));
  const card = digits(14).map((middle) => {
    const body = `4${middle}`;
    return body + [...'0123456789'].find((check) => passesLuhn(body + check));
  });

  it('takes out every card, in whatever way it is grouped', () => {
    fc.assert(
      fc.property(card, fc.constantFrom('', ' ', '-'), (number, separator) => {
        const written = number.replace(/(\d{4})(?=\d)/g, `$1${separator}`);
        expect(redact(`charged ${written} today`)).toBe('charged [CARD_1] today');
      }),
    );
  });

  it('takes out every password that is assigned, and only it', () => {
    const password = fc.stringMatching(/^[a-z]{3,8}[0-9]{2,4}[A-Z]{1,4}$/);
    const form = fc.constantFrom(
      'password=%',
      'DB_PASSWORD: %',
      '{"password":"%"}',
      '--password %',
      '<password>%</password>',
      "export API_TOKEN='%'",
      'postgres://u:%@h/d',
    );
    fc.assert(
      fc.property(password, form, (secret, text) => {
        expect(redact(text.replace('%', secret))).not.toContain(secret);
      }),
    );
  });

  it('changes nothing once it has run, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const once = redact(text);
        expect(redact(once)).toBe(once);
      }),
    );
  });

  it('gives one secret one placeholder in all texts of an incident', () => {
    const redactor = createRedactor();
    expect(redactor.redact('a@example.com b@example.com')).toBe('[EMAIL_1] [EMAIL_2]');
    expect(redactor.redact('again b@example.com')).toBe('again [EMAIL_2]');
    expect(redactor.counts()).toEqual({ EMAIL: 2 });
  });

  it.each([
    'SN 123-45-6789 part number',
    'replaced 512-33-9001 (part no. of the fan)',
    'S.N. 123-45-6789 rejected',
  ])('knows another number by what stands beside it: %s', (text) => {
    expect(redact(text)).toBe(text);
    expect(redact('SSN 123-45-6789 part number')).toBe('SSN [SSN_1] part number');
  });

  it('takes a secret out where nothing marks it, once it is known', () => {
    expect(redact('password=hunter2 and later hunter2')).toBe('password=[SECRET_1] and later [SECRET_1]');
  });

  it.each([
    'a'.repeat(60_000),
    'a.'.repeat(30_000),
    '1 '.repeat(30_000),
    'password='.repeat(6_000),
    '-----BEGIN PRIVATE KEY-----'.repeat(5_000),
    '+1'.repeat(30_000),
    'a@'.repeat(30_000),
  ])(
    'does not take for ever (%#)',
    (text) => {
      expect(typeof redact(text)).toBe('string');
    },
    20_000,
  );
});

describe('Cost', () => {
  // Each was found to take seconds or minutes once. The limit is far above what they take, for busy machines.
  it.each([
    "'",
    '$(',
    '${',
    '{',
    '\n',
    '```\n',
    '"cmd": "',
    '(',
    '|',
    '<<E\n',
    '%a%',
    "'a'+",
    'x=$x$x;',
    'for a in 1 2 3 4 5 6 7 8;do ',
  ])('of a text made of %j stays small', (part) => {
    const text = part.repeat(16_000 / part.length);
    const before = process.cpuUsage();
    for (const interpreter of ['sh', 'powershell', 'cmd'] as const) inspectScript(text, interpreter);
    for (const platform of ['linux', 'windows'] as const) inspectText(text, platform);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(10_000);
  });

  // A text of 100 kB for each family of patterns: whatever repeats what a pattern begins with, or nearly ends with.
  it.each([
    'sk-',
    'sk-a',
    'password',
    'password=',
    '--password ',
    'api_key',
    'SHARED_ACCESS_KEY_',
    '_pass',
    'name="password" ',
    '{"name":"password","value":',
    'password: |\n ',
    'token is ',
    '-----BEGIN PRIVATE KEY-----\n',
    'MIIAAAIBAAKCA',
    'eyJaaaaaaaaa.',
    'Authorization: ',
    'Cookie: a=',
    'a://a:',
    '//a:',
    'curl -u ',
    'net use \\\\a ',
    '-D cn= ',
    'DE89 3704 ',
    '4111-',
    '+49 (',
    'a@',
    'a.',
    'f:',
    'C:\\Users\\',
    '/home/',
    'port ',
    'address 1.',
    'requires ',
    'must be ',
    'cannot find ',
    'do shell script "',
    'Join-Path a ',
    'delete folder "a" of ',
  ])('of 100 kB made of %j stays small for redaction, rules and remedies', (part) => {
    const text = part.repeat(100_000 / part.length);
    const before = process.cpuUsage();
    createRedactor({ ipAddresses: true }).redact(text);
    for (const platform of ['linux', 'windows', 'macos'] as const) {
      const failure = { platform, package: '', exit_code: 1, error: text.slice(0, 65_536), log: text };
      classifyByRules(failure);
      for (const { id } of TOPICS) remedyFor(id, failure);
      inspectText(text, platform);
      inspectText(text.slice(0, 32_000), platform);
    }
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(10_000);
  });
});

describe('Blocking', () => {
  const flags = fc.constantFrom('-rf', '-fr', '-r -f', '-Rf', '--recursive --force');
  const target = fc.constantFrom('/', '/*', '/etc', '/usr/', '/home', '~', '$HOME', '/./', '/usr/../etc');
  const wrapper = fc.constantFrom(
    '%',
    'sudo %',
    'env A=1 %',
    'true && %',
    'if true; then %; fi',
    '(%)',
    'x=$(%)',
    'nohup % &',
    "sh -c '%'",
    'echo ok | xargs; %',
    'cat <<E | sh\n%\nE',
  );

  it('finds a deletion of a root in every wrapping', () => {
    fc.assert(
      fc.property(flags, target, wrapper, (options, path, around) => {
        expect(
          inspectScript(
            around.replace('%', () => `rm ${options} ${path}`),
            'sh',
          ),
        ).not.toEqual([]);
      }),
    );
  });

  it('finds it however its letters are quoted, or when it is encoded', () => {
    const command = 'rm -rf /';
    const letter = (character: string) =>
      fc.constantFrom(
        character,
        `\\${character}`,
        `'${character}'`,
        `"${character}"`,
        `$'\\x${character.charCodeAt(0).toString(16)}'`,
      );
    const word = (text: string) => fc.tuple(...[...text].map(letter)).map((parts) => parts.join(''));
    fc.assert(
      fc.property(word('rm'), word('-rf'), word('/'), (name, options, path) => {
        expect(inspectScript(`${name} ${options} ${path}`, 'sh')).not.toEqual([]);
      }),
    );
    const encoded = Buffer.from(command).toString('base64');
    expect(inspectScript(`echo ${encoded} | base64 -d | sh`, 'sh')).not.toEqual([]);
  });

  it('finds it in PowerShell however it is split, and in cmd between carets', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 3 }), (at, gap) => {
        const name = 'Remove-Item';
        const split = `& ('${name.slice(0, at)}'${' '.repeat(gap)}+ '${name.slice(at)}') C:\\ -Recurse -Force`;
        expect(inspectScript(split, 'powershell')).not.toEqual([]);
        const caret = `r^d /${'s'.padStart(1)} /q C:\\`;
        expect(inspectScript(caret, 'cmd')).not.toEqual([]);
      }),
    );
  });

  it.each([
    ['linux', 'system_file', ': > /var/lib/dpkg/status'],
    ['linux', 'system_file', 'cat /dev/null > /var/lib/dpkg/status'],
    ['linux', 'system_file', 'truncate -s 0 /var/lib/mysql/ibdata1'],
    ['linux', 'system_file', 'printf "" | tee /etc/nsswitch.conf'],
    ['linux', 'system_file', 'dd if=/dev/null of=/etc/ld.so.conf'],
    ['linux', 'destructive_deletion', 'gzip -r /etc'],
    ['linux', 'destructive_deletion', 'bzip2 /etc/passwd'],
    ['linux', 'destructive_deletion', 'xz -z /bin/bash'],
    ['linux', 'destructive_deletion', 'zstd --rm /etc/fstab'],
    ['linux', 'unbounded_deletion', 'pigz -r "$FOLDER"'],
    ['linux', 'account_change', 'usermod -aG docker myapp'],
    ['linux', 'essential_package', "apt-get purge 'linux-image-*'"],
    ['macos', 'backup_deletion', 'tmutil deletelocalsnapshots /'],
    ['windows', 'disk_wipe', "wmic logicaldisk where drive='C:' call format"],
    ['windows', 'disk_wipe', "Get-WmiObject Win32_Volume | % { $_.Format('NTFS') }"],
    ['windows', 'disk_wipe', 'Get-CimInstance Win32_Volume | Invoke-CimMethod -MethodName Format'],
    ['windows', 'disk_wipe', 'Get-CimInstance MSFT_Disk | Invoke-CimMethod -MethodName Clear'],
    ['windows', 'data_destruction', 'Remove-NetIPAddress -Confirm:$false'],
    ['windows', 'data_destruction', 'Remove-NetRoute -DestinationPrefix 0.0.0.0/0 -Confirm:$false'],
    ['windows', 'essential_package', 'Uninstall-WindowsFeature Web-Server -Remove -Restart'],
    ['windows', 'system_file', "Set-Content C:\\Windows\\System32\\drivers\\etc\\hosts -Value ''"],
  ] as const)('on %s finds %s in %s', (platform, code, text) => {
    expect(inspectText(text, platform)).toContainEqual(expect.objectContaining({ code }));
  });

  it.each([
    ['linux', 'truncate -s +1G /etc/hosts'],
    ['linux', 'truncate -s 0 /var/log/acme/acme.log'],
    ['linux', 'gzip -k /etc/hosts; zstd /etc/hosts -o /tmp/hosts.zst'],
    ['linux', 'gzip /var/log/acme/*.log'],
    ['linux', 'echo > /sys/kernel/debug/tracing/trace'],
    ['linux', 'echo app | tee -a /etc/hosts < /dev/null'],
    ['linux', "apt-get autoremove --purge 'linux-image-5.4*'"],
    ['macos', 'tmutil deletelocalsnapshots 2026-01-02-101112'],
    ['windows', 'wmic logicaldisk get caption /format:csv'],
    ['windows', 'Remove-NetIPAddress -IPAddress 169.254.10.20 -Confirm:$false'],
    ['windows', 'Uninstall-WindowsFeature Telnet-Client'],
  ] as const)('on %s lets pass %s', (platform, text) => {
    expect(inspectText(text, platform)).toEqual([]);
  });

  it('lets the same words pass as text', () => {
    for (const text of [
      'echo "rm -rf /"',
      "printf '%s' 'rm -rf /'",
      '# rm -rf /',
      "grep 'rm -rf /' /var/log/x",
    ])
      expect(inspectScript(text, 'sh')).toEqual([]);
  });

  it('reads Python as Python', () => {
    expect(inspectScript("import shutil\nshutil.rmtree('/')", 'python3')).toMatchObject([
      { code: 'destructive_deletion' },
    ]);
    expect(inspectScript("import shutil\nshutil.rmtree('/var/cache/app/tmp')", 'python3')).toEqual([]);
  });

  it('refuses what is too long or too deep to be judged', () => {
    expect(inspectScript('x'.repeat(300_000), 'sh')).toMatchObject([{ code: 'too_complex' }]);
    expect(inspectScript('eval '.repeat(5_000), 'sh').length).toBeGreaterThanOrEqual(0);
    let nested = 'true';
    for (let level = 0; level < 20; level += 1) nested = `sh -c ${JSON.stringify(nested)}`;
    expect(inspectScript(nested, 'sh')).toContainEqual(expect.objectContaining({ code: 'too_complex' }));
  });

  it.each(['linux', 'windows', 'macos'] as const)(
    'never throws and always ends, whatever stands in a text (%s)',
    (platform) => {
      const shellish = fc
        .array(
          fc.constantFrom(
            ...'$(){}[]<>|&;\'"`\\^%!#~*?@=+-:, \n'.split(''),
            'rm',
            'for',
            'in',
            'do',
            'case',
            'EOF',
            '<<',
            '$(',
            '${',
            'iex',
            'x',
          ),
          { maxLength: 60 },
        )
        .map((parts) => parts.join(''));
      fc.assert(
        fc.property(fc.oneof(shellish, fc.string({ unit: 'binary', maxLength: 200 })), (text) => {
          expect(Array.isArray(inspectText(text, platform))).toBe(true);
        }),
        { numRuns: 400 },
      );
    },
  );
});
