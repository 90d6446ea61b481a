import { partOf } from '../parts.ts';
import { type Detector, spansOf } from './spans.ts';

/** Brands by their first digits, with the lengths that they have. */
const CARDS: readonly (readonly [prefix: RegExp, lengths: readonly number[]])[] = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:6011|64[4-9]|65|622)/, [16, 19]],
  [/^62/, [16, 17, 18, 19]],
  [/^(?:30[0-5]|3095|36|38|39)/, [14, 16]],
  [/^35(?:2[89]|[3-8])/, [16]],
  [/^(?:50[1-3]|5[6-9]|6304|67)/, [16, 18, 19]],
];
const CARD = /(?<![\w.-])\d(?:[ .\u00a0\u2009\u2010-\u2013-]?\d){12,18}(?![\w-]|\.\d)/dg;

export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (const [index, digit] of [...digits].reverse().entries()) {
    const doubled = Number(digit) * (index % 2 === 0 ? 1 : 2);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return digits !== '' && sum % 10 === 0;
}

/** Groups as cards are written: fours, 4-6-5, 4-6-4, or none. Rows of other numbers are grouped otherwise. */
function isCard(value: string): boolean {
  const groups = value.split(/\D/);
  const digits = groups.join('');
  const shape = groups.map((group) => group.length).join('-');
  if (groups.length > 1 && !/^(?:4(?:-4){2,3}(?:-[1-4])?|4-6-[45])$/.test(shape)) return false;
  if (/^(\d)\1+$/.test(digits)) return false;
  return (
    CARDS.some(([prefix, lengths]) => prefix.test(digits) && lengths.includes(digits.length)) &&
    passesLuhn(digits)
  );
}

const AREA = '(?!000|666|9\\d\\d)\\d{3}';
const SSN_DASHED = new RegExp(
  `(?<![\\w.-])${AREA}[-\u2010-\u2013](?!00)\\d{2}[-\u2010-\u2013](?!0000)\\d{4}(?![\\w-]|\\.\\d)`,
  'dg',
);
const SSN_IN_CONTEXT = new RegExp(
  `(?<![\\w.-])${AREA}(?<sep>[ .]?)(?!00)\\d{2}\\k<sep>(?!0000)\\d{4}(?![\\w-]|\\.\\d)`,
  'dg',
);
const SSN_WORDS =
  /\b(?:SSNs?|SS ?#|socials?|soc(?:ial)?[ ._-]*sec(?:urity)?|social[ ._-]?security|tax(?:payer)?[ _-]?id|TIN|ITIN)(?![a-z])|(?:^|[_\W])ssn/i;
/** As well, after it. */
const OTHER_NUMBER_AFTER =
  /^["']?\s*(?:\(|is\s+(?:a|the|its|our)\s+)?(?:part|serial|model|order|ticket|invoice|article|catalog(?:ue)?|asset|lot|batch)\s+(?:no|number|num|nr|code)\b/i;
/** Words that say what else a number of that form is. */
const OTHER_NUMBER =
  /\b(?:part|serial|s\/n|s\.n\.|sn|build|ticket|order|sku|model|version|ver|release|catalog(?:ue)?|invoice|case|item|article|product|code|ref(?:erence)?|lot|batch|p\/n|pn|id|firmware|driver|kb|bug|issue|cve|rfc|revision|rev|error|job|task|asset|tag|license|licence|tracking|isbn|upc|ean)(?:\s*(?:no|number|num|nr|#|id|key|code))?\.?\s*[:=#]?\s*["']?(?:v)?$/i;

const before = (text: string, at: number, length: number): string => text.slice(Math.max(0, at - length), at);

const EMAIL =
  /(?<![\p{L}\p{N}_.+%@/-])(?<secret>[\p{L}\p{N}_](?:[\p{L}\p{N}_.+'-]{0,64}[\p{L}\p{N}_+-])?(?:@|%40)(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,62}[\p{L}\p{N}])?\.)+\p{L}{2,24})(?![\p{L}\p{N}_@]|-\w|\.\w)/dgu;
/** What follows an @ elsewhere: units of systemd, pictures, packages. */
const NO_DOMAIN =
  /\.(?:service|socket|timer|target|mount|slice|scope|path|device|swap|png|jpe?g|gif|svg|webp|ico|js|mjs|cjs|ts|css|json|so|dll|exe|lock|local_only|conf|txt|log|tar|gz|zip|rpm|deb|msi|pkg|git|internal_only)$/i;
const ACCOUNT_OF_TOOL = /^(?:git|hg|svn|gitea|gitlab)@/i;

/** By ISO 13616: how long an account's number is in each country. */
const IBAN_LENGTHS: Readonly<Record<string, number>> = {
  ...{
    AD: 24,
    AE: 23,
    AL: 28,
    AT: 20,
    AZ: 28,
    BA: 20,
    BE: 16,
    BG: 22,
    BH: 22,
    BR: 29,
    BY: 28,
    CH: 21,
    CR: 22,
    CY: 28,
  },
  ...{
    CZ: 24,
    DE: 22,
    DK: 18,
    DO: 28,
    EE: 20,
    EG: 29,
    ES: 24,
    FI: 18,
    FO: 18,
    FR: 27,
    GB: 22,
    GE: 22,
    GI: 23,
    GL: 18,
  },
  ...{
    GR: 27,
    GT: 28,
    HR: 21,
    HU: 28,
    IE: 22,
    IL: 23,
    IQ: 23,
    IS: 26,
    IT: 27,
    JO: 30,
    KW: 30,
    KZ: 20,
    LB: 28,
    LI: 21,
  },
  ...{
    LT: 20,
    LU: 20,
    LV: 21,
    MC: 27,
    MD: 24,
    ME: 22,
    MK: 19,
    MR: 27,
    MT: 31,
    MU: 30,
    NL: 18,
    NO: 15,
    PK: 24,
    PL: 28,
  },
  ...{
    PS: 29,
    PT: 25,
    QA: 29,
    RO: 24,
    RS: 22,
    SA: 24,
    SC: 31,
    SE: 24,
    SI: 19,
    SK: 24,
    SM: 27,
    TN: 24,
    TR: 26,
    UA: 29,
  },
  ...{ VA: 22, VG: 24, XK: 20 },
};
const IBAN = /(?<![\w.-])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![\w-])/dg;

function isIban(value: string): boolean {
  const bare = value.replace(/[ -]/g, '');
  if (IBAN_LENGTHS[bare.slice(0, 2)] !== bare.length) return false;
  let rest = 0;
  for (const sign of bare.slice(4) + bare.slice(0, 4)) {
    const digits = String(Number.parseInt(sign, 36));
    rest = Number(`${rest}${digits}`) % 97;
  }
  return rest === 1;
}

const PHONE_INTERNATIONAL =
  /(?<![\w.+/-]|\d\s)\+(?!0)(?=(?:[\s()./-]*\d){8,15}(?!\d))\d{1,3}(?:[ .\u00a0/-]{0,2}(?:\(\d{1,5}\)|\d{1,12}))+(?![\w]|[.:-]\d)/dg;
const PHONE_US =
  /(?<![\w.+/-])(?:1[-. ])?(?:\([2-9]\d{2}\)[ -]?\d{3}[-. ]\d{4}|[2-9]\d{2}-\d{3}-\d{4}|[2-9]\d{2}\.\d{3}\.\d{4})(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w-]|\.\d)/dg;
const PHONE_WORDS =
  /\b(?:tele)?(?:phones?|fon|tel|mobile|mob|cell(?:ular)?|call(?: me| us| back)?(?: at| on)?|fax|hotline|whatsapp|sms|dial|ring|contact|reach(?:ed)?|handy|natel|t[ée]l[ée]phone|t[ée]l|telefono|telefoon|telefonnummer|handynummer|tlf|gsm|telef[oó]n|callback|pager)(?:\s*(?:no|number|nr|num|is|me|us|at|on|to|him|her|support|:|#)\.?)*\s*[:=.]?\s*["']?$/i;
const PHONE_IN_CONTEXT =
  /(?<![\w.+/-])(?:00\d{1,3}[ -]?)?\(?\d{1,5}\)?(?:(?:[ ./-]| [./-] )?\(?\d{2,8}\)?){1,5}(?![\w-]|\.\d)/dg;

/** Accounts that are nobody's name. */
const SHARED_ACCOUNT =
  /^(?:public|shared|default(?:user|account)?(?:\.migrated)?|all users|default user|guest|root|admin|administrator|administrators|user|users|username|user_?name|your-?(?:user)?name|me|nobody|runner|runneradmin|vagrant|ubuntu|debian|centos|fedora|ec2-user|azureuser|cloud-user|opc|linuxbrew|jenkins|gitlab-runner|buildagent|build|builder|circleci|travis|codespace|vscode|node|app|deploy|docker|git|oracle|postgres|mysql|www-data|tomcat|nginx|apache|svc|service|systemprofile|networkservice|localservice|containeradministrator|containeruser|wdagutilityaccount|lost\+found|pi|dev|test|tmp|logs?|bin|lib|data|backup|x|foo|bar|\.+|~.*|null|\*|\$.*|%.*|<.*|\{.*|\[.*)$/i;

const HOMES: readonly RegExp[] = [
  // C:\Users\Name, also with / or doubled \, as in JSON; names there may have blanks.
  /(?:\b[A-Za-z]:|\\\\[\w.-]+\\[A-Za-z]\$|\\\\\?\\[A-Za-z]:|\/mnt\/[a-z]|\/[a-z]|\/cygdrive\/[a-z]|%SystemDrive%|\$env:SystemDrive)(?:\\{1,4}|\/)(?:Users|Documents and Settings|Benutzer|Utilisateurs)(?:\\{1,4}|\/)(?<secret>[^\\/:*?"'<>|\s,;)\]]+(?:(?: [^\\/:*?"'<>|\s,;]+){1,2}(?=\\))?)/dgi,
  /(?<![\w.-])\/(?:var\/|usr\/|export\/|data\/|mnt\/|net\/|private\/var\/|System\/Volumes\/Data\/)?(?:home|Users|homes)\/(?:local\/)?(?<secret>[A-Z][\w-]+ [A-Z][\w-]+(?=\/)|[^\s/:*?"'<>|,;()[\]{}\\]+)/dg,
  // Written in an address.
  /%2F(?:home|Users)%2F(?<secret>[\w.-]+)/dgi,
  /%5CUsers%5C(?<secret>[\w.-]+)/dgi,
  /(?<=[\s"'=])~(?<secret>[a-z][\w.-]{2,})(?=\/)/dg,
];

export const isSharedAccount = (name: string): boolean => SHARED_ACCOUNT.test(name);

export const personalData: Detector = function* (text) {
  yield* spansOf(text, CARD, 'CARD', isCard);
  yield* spansOf(text, IBAN, 'IBAN', isIban);
  yield* spansOf(text, SSN_DASHED, 'SSN', (value, match) => {
    const head = before(text, match.index, 40);
    const end = match.index + value.length;
    return (
      SSN_WORDS.test(head) || !(OTHER_NUMBER.test(head) || OTHER_NUMBER_AFTER.test(text.slice(end, end + 40)))
    );
  });
  yield* spansOf(text, SSN_IN_CONTEXT, 'SSN', (value, match) => {
    if (SSN_WORDS.test(before(text, match.index, 40).replace(/^.*[\r\n]/s, ''))) return true;
    return /^\s*\(?\s*(?:SSN|social security)/i.test(
      text.slice(match.index + value.length, match.index + value.length + 20),
    );
  });
  yield* spansOf(text, EMAIL, 'EMAIL', (value, match) => {
    const next = partOf(text, match.index + value.length);
    return !NO_DOMAIN.test(value) && !(ACCOUNT_OF_TOOL.test(value) && /[:/]/.test(next));
  });
  yield* phones(text);
  for (const home of HOMES) {
    yield* spansOf(text, home, 'USER', (name) => !isSharedAccount(name.replace(/[.,;:!?]+$/, '')));
  }
};

const phones: Detector = function* (text) {
  yield* spansOf(text, PHONE_INTERNATIONAL, 'PHONE', (value) => {
    const digits = value.replace(/\D/g, '').length;
    return digits >= 8 && digits <= 15;
  });
  yield* spansOf(text, PHONE_US, 'PHONE', (value, match) => {
    const head = before(text, match.index, 32);
    if (PHONE_WORDS.test(head)) return true;
    return (
      !OTHER_NUMBER.test(head) && !(value.includes('.') && /\b(?:v|to|from|at|and|installed)\s*$/i.test(head))
    );
  });
  yield* spansOf(text, PHONE_IN_CONTEXT, 'PHONE', (value, match) => {
    const digits = value.replace(/\D/g, '').length;
    if (digits < 7 || digits > 14 || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(value)) return false;
    const head = before(text, match.index, 32);
    return (
      PHONE_WORDS.test(head) &&
      (digits >= 9 || /[ .()-]/.test(value) || /(?:phone|tel|mobile|fax|cell)/i.test(head))
    );
  });
};
