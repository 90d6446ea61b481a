import { couldBeSecret, looksLikeSecret } from './plausible.ts';
import { type Detector, spansOf } from './spans.ts';

/** Secrets that show by the tool they are handed to. */
const VALUE = `(?:"(?<q>[^"\\r\\n]+)"|'(?<s>[^'\\r\\n]+)'|(?<b>[^\\s"'|;&<>]+))`;
const FORMS: readonly RegExp[] = [
  // curl -u user:secret, curl --proxy-user
  /\bcurl\b[^|\r\n]{0,400}?\s(?:-u\s*|--(?:proxy-)?user[ =])["']?[^\s"':]+:(?<secret>[^\s"']+)/dgi,
  /\bsshpass\s+-p\s*["']?(?<secret>[^\s"']+)/dgi,
  /\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mariadb-admin)\b[^|\r\n]{0,400}?\s-p["']?(?<secret>[^\s"'-][^\s"']*)/dgi,
  /\b(?:psexec|docker|podman|az|oc|kinit|ldapsearch|ldapmodify|sqlcmd|bcp|isql|mosquitto_pub|influx|mongo|mongosh|mongodump|unzip|zip|plink|pscp|curlftpfs|wmic|winexe|rdesktop|ansible-vault|keytool|signtool)\b[^|\r\n]{0,400}?\s[-/](?:p|P|w|a|pw|storepass|keypass)\s+["']?(?<secret>[^\s"'-][^\s"']*)/dg,
  /\b(?:7z|7za|rar|unrar)\b[^|\r\n]{0,400}?\s-p["']?(?<secret>[^\s"']+)/dgi,
  // Binding to a directory
  /\s-D\s*["']?(?:cn|uid|ou|dc|o)=[^\r\n]{0,300}?\s-w\s+["']?(?<secret>[^\s"']+)/dgi,
  /\bredis-cli\b[^|\r\n]{0,400}?\s-a\s+["']?(?<secret>[^\s"']+)/dgi,
  /\bsmb(?:client|map|get)\b[^|\r\n]{0,400}?\s-U\s*["']?[^\s"'%]+%(?<secret>[^\s"']+)/dgi,
  // Behind a share, a device and switches, in whatever order.
  /\bnet1?(?:\.exe)?\s+use(?:\s+(?:"\\\\[^"\r\n]{1,200}"|[A-Za-z*]:?(?=\s)|[\\/][^\s"]{1,200})){1,8}\s+["']?(?<secret>[^\s"'/\\*][^\s"']*)["']?(?=\s|$)/dgi,
  /\bnet1?\s+user\s+(?!\/)\S+\s+(?!\/)["']?(?<secret>[^\s"'*/]+)["']?(?=\s|$)/dgi,
  /\bcmdkey\b[^\r\n]{0,400}?\/pass:(?<secret>\S+)/dgi,
  /\b(?:schtasks|at)\b[^\r\n]{0,400}?\/rp\s+["']?(?<secret>[^\s"']+)/dgi,
  /(?<=^|\s)[-/](?:p|pw|pwd|rp):["']?(?<secret>(?!\\|[A-Za-z]:\\|\w+=)[^\s"']{4,})/dgi,
  /\bhtpasswd\s+-\w*b\w*\s+\S+\s+\S+\s+["']?(?<secret>[^\s"']+)/dgi,
  /\bopenssl\b[^\r\n]{0,400}?\s-pass(?:in|out)?\s+pass:(?<secret>\S+)/dgi,
  /\becho\s+(?:-\w+\s+)?["']?(?<secret>[^\s"'|$]+)["']?\s*\|\s*(?:sudo\s+(?:-\w+\s+)*-S|passwd\b|kinit\b|docker\s+login|cryptsetup\b|su\b|openssl\b)/dgi,
  /\bConvertTo-SecureString(?:\s+-\w+){0,3}\s+["'](?<secret>[^"']+)["']/dgi,
  /\bNetworkCredential\(\s*["'][^"']*["']\s*,\s*["'](?<secret>[^"']+)["']/dgi,
  /\bPSCredential\(\s*["'][^"']*["']\s*,\s*["'](?<secret>[^"']+)["']/dgi,
  /\bIDENTIFIED\s+(?:WITH\s+\w+\s+)?(?:BY|AS)\s+(?:PASSWORD\s+)?["'](?<secret>[^"']+)["']/dgi,
  /\b(?:ENCRYPTED\s+)?PASSWORD\s*=?\s*N?'(?<secret>[^']+)'/dgi,
  /(?:\b(?:thin|oci8?):|\bsqlplus\s+(?:-\w+\s+)*)[\w$#]+\/(?<secret>[^\s@/"']+)(?=@)/dgi,
  // Public properties of installers and environments are in capitals: SVCPASS, DBPASSWD.
  /(?<![\w-])(?!(?:BY|COM|TRES|SUR)PASS\b)[A-Z][A-Z0-9_]{0,40}PASS(?:WD|W)?\s*=\s*["']?(?<secret>[^\s"';,&|]{4,})/dg,
  /\bslmgr(?:\.vbs)?\s+[-/]ipk\s+(?<secret>[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4})/dgi,
  /\bsudo\s[^|\r\n<]{0,80}-S\b[^|\r\n<]{0,80}<<<\s*["']?(?<secret>[^\s"']+)/dg,
  /\bX-JFrog-Art-Api["']?\s*:\s*["']?(?<secret>[^\s"',]+)/dgi,
  /\bnuget\s+(?:push|setapikey)\b[^\r\n]{0,300}?(?:-k|--api-key|-ApiKey|setapikey)\s+["']?(?<secret>[A-Za-z0-9-]{16,})/dgi,
  // Personal access tokens have a name of three letters.
  /(?<![A-Za-z0-9])(?:[A-Z][A-Z0-9]*_){0,6}PAT\s*[=:]\s*["']?(?<secret>[A-Za-z0-9_-]{20,})/dg,
  /\b(?:password|passphrase|secret|token|(?:api|access|account|secret|shared) ?key)s?(?: \w+){0,3} (?:generated|created|issued|rotated|returned|obtained|acquired|found|received|used)(?: for \S+)?\s*[:=]\s*["']?(?<secret>(?=[^\s"']*\d)[^\s"'\\/]{6,})/dgi,
  // netrc
  /\blogin\s+\S+\s+password\s+(?<secret>\S+)/dgi,
  /\becho\s+["']?[^\s:"']+:(?<secret>[^\s"'|]+)["']?\s*\|\s*(?:sudo\s+)?chpasswd/dgi,
  new RegExp(
    `\\bnmcli\\b[^\\r\\n]*?\\s(?:password|wifi-sec\\.psk)\\s+${VALUE.replace('(?<b>', '(?<secret>').replace('(?<q>', '(?:').replace('(?<s>', '(?:')}`,
    'dgi',
  ),
  /\bsecurity\s+(?:unlock-keychain|import|set-key-partition-list|add-generic-password)\b[^\r\n]{0,400}?\s-[pPwk]\s+["']?(?<secret>[^\s"']+)/dg,
];

const HEADERS: readonly RegExp[] = [
  /\b(?:Proxy-)?Authorization["']?\s*[:=]\s*["']?(?:Basic|Bearer|Token|Digest|ApiKey|Negotiate|NTLM|OAuth|SharedKey|AWS4-HMAC-SHA256|Splunk|Key|GenieKey|SSWS)\s+(?<secret>[^\s"',]+)/dgi,
  /\b(?:Proxy-)?Authorization["']?\s*[:=]\s*["']?Digest\b[^\r\n]{0,400}?\b(?:response|cnonce)="?(?<secret>[^\s",]+)/dgi,
  /\b(?:Proxy-)?Authorization["']?\s*:\s*["']?(?<secret>[A-Za-z0-9+/=_.~-]{16,})/dgi,
  /\bBearer\s+["']?(?<secret>[A-Za-z0-9+/=_.~-]{16,})/dgi,
  /\bBasic\s+["']?(?<secret>(?=[A-Za-z0-9+/]*[A-Z0-9])[A-Za-z0-9+/]{12,}={0,2})(?![\w.-])/dg,
  /\b(?:X-[\w-]*(?:Key|Token|Secret|Auth(?:orization)?|Password)|PRIVATE-TOKEN|JOB-TOKEN|DEPLOY-TOKEN|Api-Key|Ocp-Apim-Subscription-Key)["']?\s*:\s*["']?(?<secret>[^\s"',]{6,})/dgi,
  /\b(?:Set-)?Cookie["']?\s*:\s*["']?[^\r\n]{0,400}?[\w.-]*(?:sess|sid|auth|token|jwt|login|remember)[\w.-]*=(?<secret>[^\s;"',]{8,})/dgi,
];

/** Pairs of a name and what opens it, and words that only look like words where nothing says what they are. */
const PAIRS: readonly RegExp[] = [
  /\b(?:credentials?|creds|log-?in|logon|account)\b(?: (?:are|is|was|with|of|for|as|using))?\s{0,3}[:=]?\s{0,3}["']?[A-Za-z][\w.@-]{1,40}(?::| \/ )(?<secret>[^\s"'<>,;:/\\]{6,})/dgi,
  /\bcommunity(?:[ _-]string)?\s{0,3}(?:[:=]|is)\s{0,3}["']?(?<secret>[^\s"',;]{6,})/dgi,
  /\bpat\s{0,3}[=:]\s{0,3}["']?(?<secret>[A-Za-z0-9_-]{32,})/dgi,
];

/** user:secret@host in an address, whatever its scheme. */
const ADDRESS =
  /\b[a-z][a-z0-9+.-]{1,30}:\/\/(?<user>[^\s/@:"'<>]*):(?<secret>[^\s"'<>]+?)@(?=[^\s@/"'<>]+)/dgi;
/** The same without a scheme, as in shares. */
const SHARE = /(?<=^|[\s"'=(])\/\/[^\s/@:"'<>]+:(?<secret>[^\s"'<>@/]+)@(?=[\w.-])/dg;
/** One word before the host of an address to code is a token. */
const ADDRESS_TOKEN = /\bhttps?:\/\/(?<secret>[A-Za-z0-9_-]{16,})@(?=[\w.-]+)/dgi;
const CONNECTION =
  /(?:^|[;"'\s])(?:password|pwd|accountkey|sharedaccesskey|sharedsecret(?:value)?|sharedaccesssignature|access ?key)\s*=\s*(?:"(?<q>[^"]+)"|'(?<s>[^']+)'|(?<secret>[^;"'\s]+))/dgi;
/** Names of Windows' and MSI's own where a lookalike is a directory. */
const DIRECTORY = /^(?:\/|[A-Za-z]:[\\/]|~)/;

export const handedOver: Detector = function* (text) {
  for (const form of FORMS) yield* spansOf(text, form, 'SECRET', couldBeSecret);
  for (const form of HEADERS) {
    yield* spansOf(
      text,
      form,
      'SECRET',
      (value) => couldBeSecret(value) && (looksLikeSecret(value) || value.length >= 12),
    );
  }
  for (const form of PAIRS)
    yield* spansOf(
      text,
      form,
      'SECRET',
      (value) => looksLikeSecret(value) && /\d/.test(value) && /[A-Za-z]/.test(value),
    );
  yield* spansOf(text, ADDRESS, 'SECRET', couldBeSecret);
  yield* spansOf(text, SHARE, 'SECRET', couldBeSecret);
  yield* spansOf(text, ADDRESS_TOKEN, 'SECRET', looksLikeSecret);
  yield* spansOf(text, CONNECTION, 'SECRET', (value) => couldBeSecret(value) && !DIRECTORY.test(value));
};
