import { couldBeSecret, isReference, isStatusWord, looksLikeSecret } from './plausible.ts';
import { type Detector, type Span, spansOf } from './spans.ts';

/**
 * Secrets that show by the name they are given: key=value, JSON, YAML, XML, INI, flags, environment, headers.
 * The name decides, its last words that is: `password_file`, `tokenizer` and `publicKeyToken` name no secret.
 */
const NAME =
  '_{0,2}(?:[A-Za-z0-9]{1,40}[_.-]){0,8}?[A-Za-z0-9]{0,40}?' +
  '(?:pass(?:word|wd|phrase|code)|(?<![A-Za-z0-9])pass|passwort|kennwort|contraseña|contrasena|mot de passe|senha|hasło|haslo|wachtwoord|lösenord|losenord|adgangskode|passord|salasana|heslo|jelszó|parol[aăe]|şifre|sifre|mật khẩu|парол[ья]|(?<![A-Za-z0-9])pw|パスワード|暗証番号|密码|密碼|口令|비밀번호|pwd|secret|token|credentials?|' +
  '(?:api|access|secret|private|auth|account|signing|encryption|shared|master|storage|subscription|license|product|host|service|app|application|instrumentation|ssh|deploy|consumer|client|session|functions?|root|storage_?account)[_. -]?key|' +
  'secret[_-]?access[_-]?key|key[_-]?material|pre-?shared[_-]?key|psk|pidkey|sas|apikey|authkey|' +
  '(?:connection[_-]?)?auth|cookie|session[_-]?id|jsessionid|phpsessid|webhook[_-]?(?:url)?secret)' +
  '(?:[_-]?(?:value|plain|base(?:64)?|b64|prod|dev|test|staging|old|new|current|primary|secondary|admin|root|main|v?\\d))?';

/** Names that end like a secret's and are none. */
const HARMLESS_NAME =
  /public[_-]?key[_-]?token|(?:^|[_.-])(?:max|min|num|next|page|sync|continuation|cancellation|csrf[_-]?header|type)[_-]?token$|(?:cancellation|continuation|next|page|sync|skip|fencing|sort|lexer|parser|syntax|unexpected|identity_?type)[_-]?token$|(?:^|[_.-])(?:unattended|no|need|ask|show|forgot|reset|change|confirm|require|use|enable|disable|has|is|allow)[_-]?(?:pass(?:word|wd)|token|secret|auth)$|^(?:pre|post|co|by|com|under|over|sur|tres|en)pass$|(?:registry|hkey|reg|foreign|primary|public|product|host)[_-]?key(?:name|path)?$|^(?:oldpwd|auth|basic_?auth|sas|cookie)$/i;
const SECRET_PRODUCT_KEY = /^(?:[A-Z0-9]{4,6}-){3,}[A-Z0-9]{4,6}$/i;

const QUOTED = `"(?:[^"\\\\\\r\\n]|\\\\.)*"|'(?:[^'\\\\\\r\\n]|\\\\.)*'`;

/** name=value, name: value, name => value; names and values may be quoted, also with escaped quotes. */
const ASSIGNMENT = new RegExp(
  `(?<![\\w])(?<quote>\\\\?["'])?(?<name>${NAME})(?:\\\\?["'])?(?<sign>\\s*(?::=|=>|={1,2}|:|：)\\s*)` +
    `(?<value>${QUOTED}|\\\\"(?:[^"\\\\]|\\\\(?!"))*\\\\"|[^\\s"'\`,;&|<>(){}\\[\\]]+(?:[^\\s"'\`;&|<>]*[^\\s"'\`;&|<>,.)\\]}])?)`,
  'dgi',
);

/** --password value, -Password value, /password:value; and names in words: "password is value". */
const FLAG = new RegExp(
  `(?<![\\w-])(?:--?(?<name>${NAME})(?:\\s+|[:=]\\s*)|/(?<switch>${NAME})[:=])(?<value>${QUOTED}|[^\\s"'\`;|<>]+)`,
  'dgi',
);
const IN_WORDS =
  /\b(?:password|passphrase|passwd|secret|api[ _-]?key|token|passcode|pin code|passwort|kennwort|contraseña|mot de passe|senha|hasło|wachtwoord|пароль|пароля|паролем)(?:(?: (?:for|of) (?:user |account )?['"]?[\w.@-]+['"]?)? (?:is|was|ist|lautet|as|to|with|(?:(?:has been|was|is) )?(?:set|changed|reset) to|=))? (?<secret>"[^"\s]+"|'[^'\s]+'|[^\s"'`<>]*[^\s"'`<>.,;:!?)])/dgi;

const XML: readonly RegExp[] = [
  new RegExp(`<(?:\\w+:)?(?<name>${NAME})(?:\\s[^<>]*)?>\\s*(?<value>[^<>\\s][^<>]*?)\\s*</`, 'dgi'),
  new RegExp(
    `\\b(?:key|name|id|property)\\s*=\\s*["'](?<name>${NAME})["'][^<>]*?\\bvalue\\s*=\\s*(?<value>"[^"]*"|'[^']*')`,
    'dgi',
  ),
  new RegExp(
    `<(?:\\w+:)?(?<name>${NAME})(?:\\s[^<>]*)?>\\s*<(?:\\w+:)?(?:value|string|data|plain\\w*)>(?<value>[^<>]+?)</`,
    'dgi',
  ),
  new RegExp(`<key>\\s*(?<name>${NAME})\\s*</key>\\s*<string>(?<value>[^<]*)</string>`, 'dgi'),
  new RegExp(`\\bname:\\s*["']?(?<name>${NAME})["']?,?\\s+value:\\s*(?<value>${QUOTED}|[^\\s,}]+)`, 'dgi'),
  new RegExp(`"(?:name|key)"\\s*:\\s*"(?<name>${NAME})"\\s*,\\s*"value"\\s*:\\s*(?<value>"[^"]*")`, 'dgi'),
  new RegExp(`<Property\\s[^<>]*\\bName="(?<name>${NAME})"[^<>]*>\\s*(?<value>[^<>]+?)\\s*</`, 'dgi'),
];

/** YAML's block below the name. */
const BLOCK = new RegExp(
  `(?<![\\w])["']?(?<name>${NAME})["']?\\s*:\\s*[|>][+-]?\\d?[ \\t]*\\r?\\n[ \\t]+(?<value>\\S[^\\r\\n]{0,400})`,
  'dgi',
);

export const assignments: Detector = function* (text) {
  for (const match of text.matchAll(ASSIGNMENT)) yield* assigned(text, match);
  for (const match of text.matchAll(FLAG)) {
    if (isSecretName(match.groups?.['name'] ?? match.groups?.['switch'] ?? ''))
      yield* spanOfValue(match, couldBeFlag);
  }
  for (const match of text.matchAll(BLOCK)) {
    if (isSecretName(match.groups?.['name'] ?? '')) yield* spanOfValue(match, couldBeSecret);
  }
  for (const pattern of XML) {
    for (const match of text.matchAll(pattern)) {
      if (isSecretName(match.groups?.['name'] ?? '')) yield* spanOfValue(match, couldBeSecret);
    }
  }
  yield* spansOf(text, IN_WORDS, 'SECRET', (value, match) => {
    const bare = value.replace(/^["']|["']$/g, '');
    if (/\bpublic[ _-]key\s$/i.test(text.slice(Math.max(0, match.index - 16), match.index))) return false;
    if (/\b(?:unexpected|invalid|illegal|near|expected|unknown|parse)\s$/i.test(text.slice(0, match.index)))
      return looksLikeSecret(bare) && bare.length >= 12;
    // Said outright, it is what it is said to be.
    if (
      / (?:is|was|ist|lautet|has been set to|was set to|set to|=) ["']?$/.test(
        text.slice(0, match.indices?.groups?.['secret']?.[0] ?? 0),
      )
    )
      return looksLikeSecret(bare) && !/^[\w-]*\.[a-z]{2,4}$|[\\/:()]/i.test(bare);
    // Names of files, classes and things are not told from secrets by their letters alone.
    return (
      looksLikeSecret(bare) &&
      /\d/.test(bare) &&
      !/^[\w-]*\.[a-z]{2,4}$|[\\/:=()]|^[a-z]+[-_][a-z]+[-_]?\d?$/i.test(bare)
    );
  });
};

const couldBeFlag = (value: string): boolean => couldBeSecret(value) && !/^-|^\/\w+$|^[|&]/.test(value);

export function isSecretName(name: string): boolean {
  return name !== '' && !HARMLESS_NAME.test(name);
}

function* assigned(text: string, match: RegExpExecArray): Generator<Span> {
  const { name = '', sign = '', value = '', quote } = match.groups ?? {};
  const product = /(?:product|license|serial)[_ -]?key$|pidkey$/i.test(name);
  if (product ? !SECRET_PRODUCT_KEY.test(value.replace(/["']/g, '')) : !isSecretName(name)) return;
  const quoted = /^\\?["']/.test(value);
  const bare = quoted ? value.replace(/^\\?["']|\\?["']$/g, '') : value;
  const prose = /^[:：]$/.test(sign.trim()) && !quoted && quote === undefined;
  const before = text.slice(Math.max(0, match.index - 24), match.index);
  if (
    /(?:unexpected|invalid|illegal|near|expected|unknown|parse|syntax|lexer)\s+$/i.test(before) &&
    bare.length < 12
  )
    return;
  // `pwd=/usr/src` is where a program stands; `token=3` and `pass: 15` are counts.
  if (/token$/i.test(name) && /^\d{1,5}$/.test(bare)) return;
  if (/(?:^|[_.-])pass$/i.test(name) && (/^\d+$/.test(bare) || (prose && !looksLikeSecret(bare)))) return;
  if (prose && !isPlausibleInProse(text, match, bare)) return;
  yield* spanOfValue(match, couldBeSecret);
}

/** After "password:" there may be a secret, or more of the sentence. */
function isPlausibleInProse(text: string, match: RegExpExecArray, value: string): boolean {
  if (isReference(value) || isStatusWord(value)) return false;
  if (looksLikeSecret(value)) return true;
  const rest = text.slice(match.index + match[0].length).match(/^[^\r\n]*/)?.[0] ?? '';
  if (/^\s*(?:$|[,;|)}\]]|\(|#|\/\/)/.test(rest))
    return value.length >= 4 && !/^[A-Z][a-z]+(?:Exception|Error)?$/.test(value);
  return false;
}

function* spanOfValue(match: RegExpExecArray, accept: (value: string) => boolean): Generator<Span> {
  const value = match.groups?.['value'] ?? '';
  const [start, end] = match.indices?.groups?.['value'] ?? [0, 0];
  const open = /^\\?["']/.exec(value)?.[0].length ?? 0;
  const close = open > 0 ? (/\\?["']$/.exec(value)?.[0].length ?? 0) : 0;
  if (accept(value.slice(open, value.length - close)))
    yield { start: start + open, end: end - close, kind: 'SECRET' };
}
