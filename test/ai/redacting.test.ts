import { createRedactor } from '../../ai/guardrails/index.ts';

const redact = (text: string): string => createRedactor().redact(text);

/** What marks a secret, in one form each, and a text of the same form that holds none and must come back as it is. */
type Case = readonly [form: string, secret: string, text: string, clean: string];

const CASES: readonly Case[] = [
  [
    'names in XML',
    'x9mlPw',
    '<dbPassword>x9mlPw</dbPassword>',
    '<publicKeyToken>31bf3856ad364e35</publicKeyToken>',
  ],
  [
    'pairs in XML',
    'xmlS3cret',
    '<add key="ApiSecret" value="xmlS3cret"/>',
    '<add key="PageToken" value="abc123def"/>',
  ],
  [
    'property lists',
    'pl1stPw',
    '<key>password</key><string>pl1stPw</string>',
    '<key>next_token</key><string>abc123def</string>',
  ],
  [
    'pairs in JSON',
    'j5onPw!',
    '{"name":"password","value":"j5onPw!"}',
    '{"name":"page_token","value":"abc123def"}',
  ],
  ['pairs in YAML', 'y4mlPw', 'name: DB_PASSWORD\n  value: y4mlPw', 'name: page_token\n  value: abc123def'],
  [
    'blocks of YAML',
    'multi0line',
    'password: |\n  multi0line\nuser: x',
    'page_token: |\n  multi0line\nuser: x',
  ],
  ['escaped quotes', 'in5ide', '{\\"password\\": \\"in5ide\\"}', '{\\"username\\": \\"in5ide\\"}'],
  ['flags', 'Fl4gPw', 'app --password Fl4gPw', 'app --password-file /etc/app/pw'],
  ['switches', 'Sw1tchPw', 'setup.exe /password:Sw1tchPw', 'setup.exe /passwordfile:C:\\pw.txt'],
  ['words', 'Tulip-Garden-7', 'the password is Tulip-Garden-7 for it', 'the password is required for it'],
  ['words with a user', 'Qx7!pLm2', 'password for user jane is Qx7!pLm2', 'password for user jane is wrong'],
  ['parsers', 'abc123DEF456ghi', 'unexpected token abc123DEF456ghi', 'unexpected token a1b2 in JSON'],
  ['parsers that quote', 'abc123DEF456ghi', 'invalid token: abc123DEF456ghi', 'invalid token: a1b2'],
  ['counts', 'T0kenValue12', 'token=T0kenValue12', 'token=15'],
  ['passes', 'r00tMe', 'ansible_ssh_pass: r00tMe', 'pass: 3 of 12'],
  ['sentences', 'Secret99x', 'password: Secret99x', 'password: must be longer'],
  ['sentences that end', 'tulips', 'password: tulips\n', 'password: Exception\n'],
  [
    'product keys',
    'VK7JG-NPHTM-C97JM-9MPGT-3V66T',
    'ProductKey=VK7JG-NPHTM-C97JM-9MPGT-3V66T',
    'ProductKey=Acme.Suite',
  ],
  ['public keys', 'c29tZXNlY3JldA==', 'private_key = c29tZXNlY3JldA==', 'public key ssh-rsa is not trusted'],
  ['other scripts', 'Geheim99!', 'Kennwort: Geheim99!', 'Kennwort: falsch'],
  ['addresses', 'p4ss', 'amqps://u:p4ss@mq:5671/v', 'amqps://mq:5671/v'],
  ['shares', 'pw4alice', '//alice:pw4alice@files/share', '//files/share'],
  ['directories', 'Ld4pPw', 'ldapsearch -x -D "cn=app,dc=x" -w Ld4pPw', 'ldapsearch -x -D "cn=app,dc=x" -W'],
  [
    'digests',
    '6629fae49393a053',
    'Authorization: Digest username="u", response="6629fae49393a053"',
    'WWW-Authenticate: Digest realm="u"',
  ],
  [
    'names and what opens them',
    'Adm1n123',
    'credentials admin:Adm1n123 rejected',
    'credentials file:missing rejected',
  ],
  ['names and slashes', 'T0orT0or', 'login: root / T0orT0or', 'login: root / denied'],
  ['communities', 's3cr3tC0mm', 'community string: s3cr3tC0mm', 'community string: public'],
  ['short names of tokens', `${'a1b2c3d4'.repeat(5)}`, `pat: ${'a1b2c3d4'.repeat(5)}`, 'pat: see above'],
  [
    'shells’ secure strings',
    'N3wPw!',
    "ConvertTo-SecureString -AsPlainText 'N3wPw!' -Force",
    'ConvertTo-SecureString $value',
  ],
  [
    'bank accounts',
    'DE89 3704 0044 0532 0130 00',
    'IBAN DE89 3704 0044 0532 0130 00',
    'IBAN DE88 3704 0044 0532 0130 00',
  ],
  [
    'bank accounts without blanks',
    'GB29NWBK60161331926819',
    'IBAN GB29NWBK60161331926819',
    'build GB29NWBK601613319268',
  ],
  [
    'countries without accounts',
    'CH9300762011623852957',
    'konto CH9300762011623852957',
    'code ZZ9300762011623852957',
  ],
  ['cards', '4539 1488 0343 6467', 'card 4539 1488 0343 6467', 'order 1111 1111 1111 1111'],
  ['cards in other groups', '3782 822463 10005', 'amex 3782 822463 10005', 'serial 37828 22463 10005'],
  ['social security numbers', '536-22-8741', 'SSN 536-22-8741', 'part number 536-22-8741'],
  ['their context afterwards', '219 09 9999', '219 09 9999 (SSN)', '219 09 9999 items'],
  ['mail with other letters', 'Müller@firma.example', 'Jürgen.Müller@firma.example', 'getty@tty1.service'],
  ['mail in addresses', 'anna.k%40corp.example', 'user=anna.k%40corp.example', 'size=40%'],
  ['phones abroad', '+49 (0)30 1234-5678', 'call +49 (0)30 1234-5678', 'offset +49'],
  ['phones at home', '044 668 18 00', 'Tel. 044 668 18 00', 'took 044 668 18 00 ns'],
  ['phones with a stroke', '030 / 901820', 'Telefon: 030 / 901820', 'page 030 / 901820'],
  ['phones with an accent', '01 42 68 53 00', 'tél. 01 42 68 53 00', 'v. 01 42 68 53 00'],
  ['American phones', '(212) 555-0147', '(212) 555-0147', 'ticket 212-555-0147'],
  ['home folders', 'jane.roe', '/home/jane.roe/x', '/home/runner/x'],
  ['Windows’ folders', 'maria.gomez', 'C:\\Users\\maria.gomez\\x', 'C:\\Users\\Public\\x'],
  ['folders in addresses', 'oleksandr', 'file=%2Fhome%2Foleksandr%2Fx', 'file=%2Fhome%2Frunner%2Fx'],
  ['references', 'R34lOne!', "password='R34lOne!'", 'password=$PASSWORD'],
  ['calls', 'R34lOne!', 'secret=R34lOne!', 'secret=getSecret("db")'],
  ['masks', 'R34lOne!', 'api_key: R34lOne!', 'api_key: ********'],
  ['files', 'R34lOne!', 'auth_token=R34lOne!', 'auth_token=/run/secrets/token'],
];

it.each(CASES)('Redaction knows %s', (_, secret, text, clean) => {
  expect(redact(text)).not.toContain(secret);
  expect(redact(text)).not.toBe(text);
  expect(redact(clean)).toBe(clean);
});

it('addresses of machines go where that is asked for, versions never', () => {
  const strict = createRedactor({ ipAddresses: true });
  expect(strict.redact('10.20.30.40 and fe80::1ff:fe23:4567:890a')).toBe('[IP_ADDRESS_1] and [IP_ADDRESS_2]');
  for (const clean of ['version 10.20.30.41', '127.0.0.1', '::1', '999.1.1.1', '12:34:56'])
    expect(strict.redact(clean)).toBe(clean);
  expect(redact('10.20.30.40')).toBe('10.20.30.40');
});
