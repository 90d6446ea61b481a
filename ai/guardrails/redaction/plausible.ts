/** Words that stand where a secret could stand, and say something about it instead. */
const STATUS_WORDS = new Set(
  (
    'null nil none undefined true false yes no on off empty blank missing invalid incorrect wrong bad expired required ' +
    'revoked denied rejected failed failure error unknown unset set unauthorized unauthenticated mismatch mismatched ' +
    'valid verified accepted correct absent present found not is was are were has have had must may can cannot could ' +
    'should will would does did do too the a an of for in at to from and or with without by as if when please enter ' +
    'ok okay disabled enabled default optional hidden masked redacted removed omitted stored encrypted hashed ' +
    'protected secret password token string text bearer basic digest negotiate ntlm kerberos oauth oauth2 unchanged ' +
    'prompt interactive ask file env environment keyring keychain vault plaintext plain sha256 sha512 sha1 md5 bcrypt ' +
    'authentication authorization login access user username name type value object number integer boolean ' +
    'unexpected expected malformed rotated generated locked changed reset updated already available unavailable ' +
    'provided specified supplied given needed used sent received ignored skipped never always ' +
    'falsch ungültig erforderlich fehlt leer abgelaufen gesperrt notwendig incorrecta incorrecto inválida inválido requerida ' +
    'obligatoria incorrecte invalide obligatoire requis manquant expiré errata scaduta errada incorreta ongeldig vereist ' +
    'verlopen nieprawidłowe wymagane неверный неверен требуется истек felaktigt ogiltigt forkert ugyldig ' +
    'via through using on n/a tbd todo nan ... …'
  ).split(' '),
);

/** Something that names a secret without being one: a variable, a template, a mask, a call. */
const REFERENCE =
  /^(?:[$%]\{?[\w:.()-]+\}?%?|\$\(.*|`.*|\{\{.*|\{[\w.]*\}?|<[^>]*>?|\([^)]*\)?|\[[^\]]*\]?|!\w+!?|@\w*|[*•xX#._-]+|\w+[*•]{3,}\w*|(?:process\.env|os\.environ|env|ENV|System\.getenv|getenv|secrets|vault|var|local|data|module|config|settings|self|this|args|options|request|params)[.[(].*|[\w.]+\((?:.*\))?)$/;

const PATH_OR_URL =
  /^(?:~?\/[\w./-]*|\.{1,2}\/.*|[A-Za-z]:[\\/].*|\\\\.*|%\w+%.*|\$\w+[\\/].*|file:.*|https?:\/\/[^@]*)$/;

export const isReference = (value: string): boolean => REFERENCE.test(value);
export const isStatusWord = (value: string): boolean =>
  STATUS_WORDS.has(value.toLowerCase().replace(/[.,;:!?)\]'"]+$/, ''));

/** Whether a value that is plainly assigned to a secret's name can be the secret itself. */
export function couldBeSecret(value: string): boolean {
  if (value === '' || isReference(value) || isStatusWord(value)) return false;
  return !PATH_OR_URL.test(value);
}

/** Whether a word looks like a secret whatever stands around it: no word of a language is written so. */
export function looksLikeSecret(value: string): boolean {
  if (value.length < 6 || !couldBeSecret(value)) return false;
  const digit = /\d/.test(value);
  const lower = /[a-z]/.test(value);
  const upper = /[A-Z]/.test(value);
  const special = /[!@#$%^&*+=~?/]/.test(value);
  // Versions, dates, sizes, error codes and addresses are no secrets.
  if (
    /^v?\d+(?:[.:,/-]\d+)+\w*$/.test(value) ||
    /^0x[0-9a-f]+$/i.test(value) ||
    /^\d+(?:[.,]\d+)?[a-z]{0,3}$/i.test(value)
  )
    return false;
  if (/^[A-Z][a-z]+(?:[A-Z][a-z]+)*\d?$/.test(value)) return false;
  return (digit && (lower || upper)) || (special && (lower || upper) && value.length >= 8);
}
