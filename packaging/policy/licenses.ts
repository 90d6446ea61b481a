import type { PackagingPolicy } from '../../contracts/packaging-pipeline/policy.ts';

function fits(license: string, pattern: string): boolean {
  const [own, wanted] = [license.toLowerCase(), pattern.toLowerCase()];
  return wanted.endsWith('*') ? own.startsWith(wanted.slice(0, -1)) : own === wanted;
}

/**
 * Whether an SPDX expression holds, given which licenses are acceptable. What is no expression counts as the name of
 * one license; exceptions (`WITH`) do not change a license's name.
 */
export function holds(expression: string, acceptable: (license: string) => boolean): boolean {
  const tokens = expression.match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const next = (word: string): boolean => {
    if (tokens[at]?.toUpperCase() !== word) return false;
    at += 1;
    return true;
  };
  // Both sides are always read, so that what follows is, too.
  const either = (): boolean => {
    let value = both();
    while (next('OR')) value = both() || value;
    return value;
  };
  const both = (): boolean => {
    let value = single();
    while (next('AND')) value = single() && value;
    return value;
  };
  const single = (): boolean => {
    if (next('(')) {
      const value = either();
      next(')');
      return value;
    }
    const license = tokens[at] ?? '';
    at += 1;
    if (next('WITH')) at += 1;
    return acceptable(license);
  };
  const value = either();
  return at >= tokens.length ? value : acceptable(expression);
}

/**
 * Why a component's licenses are refused, undefined when they are not. Of alternatives one that is fine is enough;
 * with a list of allowed licenses, a component that names none is refused.
 */
export function deniedBy(
  licenses: readonly string[],
  {
    denied_licenses: denied,
    allowed_licenses: allowed,
  }: Pick<PackagingPolicy, 'denied_licenses' | 'allowed_licenses'>,
): string | undefined {
  if (licenses.length === 0) return allowed === undefined ? undefined : 'names no license';
  const acceptable = (license: string): boolean =>
    !denied.some((pattern) => fits(license, pattern)) &&
    (allowed === undefined || allowed.some((pattern) => fits(license, pattern)));
  return licenses.find((expression) => !holds(expression, acceptable));
}
