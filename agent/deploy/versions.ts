import type { VersionOperator } from '../../contracts/agent-task/package-rules.ts';

/** Order of Debian's policy (5.6.12), which serves dotted versions of other systems as well. */

/** A letter sorts before everything that is none, `~` before even the end. */
function weight(character: string | undefined): number {
  if (character === undefined || /\d/.test(character)) return 0;
  if (character === '~') return -1;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 65_536;
}

function compareText(one: string, other: string): number {
  for (let index = 0; index < Math.max(one.length, other.length); index += 1) {
    const difference = weight(one[index]) - weight(other[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareNumbers(one: string, other: string): number {
  const [a, b] = [BigInt(one || '0'), BigInt(other || '0')];
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Text and numbers by turns, as they stand. */
function comparePart(one: string, other: string): number {
  let [a, b] = [one, other];
  while (a !== '' || b !== '') {
    const [textA = '', textB = ''] = [/^\D*/.exec(a)?.[0], /^\D*/.exec(b)?.[0]];
    const byText = compareText(textA, textB);
    if (byText !== 0) return byText;
    [a, b] = [a.slice(textA.length), b.slice(textB.length)];
    const [digitsA = '', digitsB = ''] = [/^\d*/.exec(a)?.[0], /^\d*/.exec(b)?.[0]];
    const byNumber = compareNumbers(digitsA, digitsB);
    if (byNumber !== 0) return byNumber;
    [a, b] = [a.slice(digitsA.length), b.slice(digitsB.length)];
  }
  return 0;
}

function split(version: string): { epoch: string; upstream: string; revision: string } {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const hyphen = rest.lastIndexOf('-');
  return {
    epoch: colon < 0 ? '0' : version.slice(0, colon).replace(/\D/g, ''),
    upstream: hyphen < 0 ? rest : rest.slice(0, hyphen),
    revision: hyphen < 0 ? '' : rest.slice(hyphen + 1),
  };
}

/** Negative when `one` is older, positive when it is newer, 0 when they are equal. */
export function compareVersions(one: string, other: string): number {
  const [a, b] = [split(one.trim()), split(other.trim())];
  return (
    compareNumbers(a.epoch, b.epoch) ||
    comparePart(a.upstream, b.upstream) ||
    comparePart(a.revision, b.revision)
  );
}

export function satisfies(version: string, operator: VersionOperator, wanted: string): boolean {
  const order = compareVersions(version, wanted);
  switch (operator) {
    case '=':
      return order === 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}
