import { lineRules, type Rule } from './rule.ts';

/** Whom the machine trusts: stores of certificates, and by whom it lets itself be managed. */

const STORE =
  /^(?:microsoft\.powershell\.security\\certificate::)?cert:\\+(?:localmachine|currentuser)(?:\\+(?:root|authroot|ca|my|trustedpublisher|trustedpeople|disallowed))?\\*\*?$/i;
const DELETES = /^(?:remove-item|ri|rm|del|erase|rd|rmdir|clear-item|cli|move-item|mi)$/;
const LISTS = /^(?:get-childitem|gci|ls|dir|get-item|gi)$/i;
const CHOOSES = /^(?:where-object|where|\?|select-object|select)$/i;

const stores: Rule = ({ name, args, before }) => {
  if (!DELETES.test(name)) return undefined;
  const lister = before.findLast(({ words: [first = ''] }) => LISTS.test(first));
  const chosen = before.some(({ words: [first = ''] }) => CHOOSES.test(first));
  const whole =
    args.some((arg) => STORE.test(arg)) ||
    (!chosen && lister?.words.slice(1).some((arg) => STORE.test(arg)) === true);
  return whole
    ? { code: 'security_disabled', message: 'Empties a store of certificates that the machine trusts' }
    : undefined;
};

const remote = lineRules('security_disabled', [
  [
    /^(?:set-item|si|set-wsmaninstance|set-wsmanquickconfig)\b.*(?:trustedhosts\b.*\s['"]?\*|trustedhosts\s*=\s*['"]?\*|(?:allowunencrypted|auth\\+basic|credssp)\b.*(?:\strue|\s1\b|\u0001|=\s*['"]?(?:true|1)))/,
    'Lets itself be managed from anywhere, or without encryption',
  ],
  [
    /^winrm\b.*(?:trustedhosts\s*=\s*['"]?\*|(?:allowunencrypted|basic|credssp)\s*=\s*['"]?(?:true|1))/,
    'Lets itself be managed from anywhere, or without encryption',
  ],
  [/^enable-wsmancredssp\b.*-delegatecomputer\s+['"]?\*/, 'Hands its credentials to any machine'],
  [
    /^certutil\b.*[-/]delstore\b.*\b(?:root|authroot|ca|my|trustedpublisher|disallowed)\b/,
    'Changes whom the machine trusts',
  ],
  [
    /^(?:trust\s+anchor\s+--remove|security\s+remove-trusted-cert|update-ca-trust\s+force-disable)/,
    'Changes whom the machine trusts',
  ],
]);

export const TRUST_RULES: readonly Rule[] = [stores, remote];
